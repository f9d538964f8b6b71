"""Re-encrypts the rows of a service with the newest of `SEAL_KEYS`: `python -m chassis.reseal users`.

Run it when every process has the new key first; once it has finished, older keys may go. After an interruption it continues: values
that the newest key encrypted stay unchanged.
"""

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import LargeBinary, Table, select, tuple_, type_coerce, update
from sqlalchemy.orm import Session

from chassis.data.database import Database
from chassis.data.encryption import EncryptionSettings, encrypted_columns, encrypted_tables, rotate
from chassis.failures import Parser, one_line_failures
from chassis.start import installed_service, read_settings

AT_ONCE = 100


def rotate_table(database: Database, table: Table) -> tuple[int, int]:
    """Re-encrypt a table, a hundred rows in a transaction; return the numbers of rows and of changed rows.

    Raises `InvalidToken` for a value that no key decrypts.
    """
    after, seen, anew = None, 0, 0
    while True:
        with database.begin() as session:
            rows = _page(session, table, after)
            anew += sum(_rotate_row(session, table, row) for row in rows)
        if not rows:
            return seen, anew
        seen += len(rows)
        after = tuple(rows[-1][: len(table.primary_key)])


def _page(session: Session, table: Table, after: tuple[Any, ...] | None) -> Sequence[Any]:
    keys, tokens = list(table.primary_key), [type_coerce(column, LargeBinary) for column in encrypted_columns(table)]
    query = select(*keys, *tokens).order_by(*keys).limit(AT_ONCE).with_for_update()
    return session.execute(query.where(tuple_(*keys) > after) if after else query).all()


def _rotate_row(session: Session, table: Table, row: Any) -> bool:
    keys, columns = list(table.primary_key), encrypted_columns(table)
    found = zip(columns, row[len(keys) :], strict=True)
    values = {column.name: type_coerce(token, LargeBinary) for column, old in found if old is not None and (token := rotate(bytes(old)))}
    if values:
        session.execute(update(table).where(*(key == value for key, value in zip(keys, row, strict=False))).values(values))
    return bool(values)


@one_line_failures
def main() -> None:
    """Re-encrypt the services named on the command line."""
    parser = Parser(prog="python -m chassis.reseal", description=__doc__)
    parser.add_argument("service", nargs="+", type=installed_service)
    for settings in [read_settings(service, EncryptionSettings) for service in parser.parse_args().service]:
        database = Database.of(settings, "reseal")
        for table in encrypted_tables(settings.service):
            rows, anew = rotate_table(database, table)
            print(json.dumps({"service": settings.service, "table": table.name, "rows": rows, "sealed_anew": anew}), flush=True)
        database.close()


if __name__ == "__main__":
    main()
