"""Bulk statements: many rows as one JSON document, so that the statement is the same for any number of rows, or by COPY.

With one parameter for each value, driver and SQLAlchemy compose a new statement every time. For 500 rows that takes longer than
the database takes to write them. COPY takes half of what JSON does, and changes no existing row.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
import psycopg
from sqlalchemy import TextClause, exc, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import Session

# The rows of an array are locked in its order.
_LOCK_KEYS = text("SELECT count(pg_advisory_xact_lock(:kind, key)) FROM unnest(CAST(:keys AS integer[])) AS key")


def insert_into(table: str, columns: Sequence[str], more: str = "") -> TextClause:
    """Return an INSERT of these columns, followed by `more`. `encode_rows` makes its parameter `rows`; other columns get defaults."""
    named = ", ".join(columns)
    return text(
        f"INSERT INTO {table} ({named}) SELECT {named} FROM json_populate_recordset(CAST(NULL AS {table}), CAST(:rows AS json)) {more}"
    )


def copy_rows(session: Session, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Write new rows by COPY, as values of the driver; other columns get the table's defaults. Raises SQLAlchemy's errors."""
    with _copying(session, table, columns) as copy:
        for row in rows:
            copy.write_row(row)


def copy_plain_rows(session: Session, table: str, columns: Sequence[str], rows: Iterable[Sequence[UUID | int | datetime | str]]) -> None:
    """Write new rows as `copy_rows` does, at a third of its cost. Texts hold neither backslashes nor control characters, as codes do."""
    with _copying(session, table, columns) as copy:
        copy.write("".join(["\t".join([value.hex if type(value) is UUID else str(value) for value in row]) + "\n" for row in rows]))


@contextmanager
def _copying(session: Session, table: str, columns: Sequence[str]) -> Iterator[Any]:
    session.flush()
    connection = session.connection()
    named = ", ".join(f'"{column}"' for column in columns)
    statement = f"COPY {table} ({named}) FROM STDIN"
    driver: Any = connection.connection.driver_connection
    try:
        with driver.cursor() as cursor, cursor.copy(statement) as copy:
            yield copy
    except psycopg.Error as error:
        raise exc.DBAPIError.instance(statement, None, error, psycopg.Error, dialect=connection.dialect) from error


def encode_rows(rows: Sequence[Mapping[str, Any]]) -> str:
    """Encode rows for `insert_into`: ids, times, numbers and texts as they are; lists and dictionaries for JSON columns."""
    return msgspec.json.encode(rows).decode()


def compile_for_driver(statement: str) -> str:
    """Return a statement for `exec_driver_sql`, whose execution takes half the processor time of the same `text`."""
    dialect: Any = postgresql.psycopg.dialect
    return str(text(statement).compile(dialect=dialect()))


def encode_array(values: Iterable[UUID | int | str | None]) -> str:
    """Encode values as a PostgreSQL array, for `CAST(:ids AS uuid[])`; that is much faster than a list as parameter."""
    # Without escapes, the elements of a JSON array and of a PostgreSQL array are written alike.
    listed = msgspec.json.encode(list(values)).decode()[1:-1]
    return "{" + (listed if "\\" not in listed else ",".join(map(_element, msgspec.json.decode(f"[{listed}]")))) + "}"


def lock_keys(session: Session, kind: int, fingerprints: Iterable[bytes]) -> None:
    """Take the advisory locks of these fingerprints until the transaction ends, in one order for all. `kind` tells things apart."""
    keys = sorted({int.from_bytes(one[:4], "big", signed=True) for one in fingerprints})
    session.execute(_LOCK_KEYS, {"kind": kind, "keys": encode_array(keys)})


def query_of_digests(parameter: str) -> str:
    """Return an SQL query of `key`: the fingerprints that a parameter holds one behind the other, as `b"".join(fingerprints)`."""
    given = f"CAST(:{parameter} AS bytea)"
    return f"(SELECT substr({given}, place * 32 + 1, 32) AS key FROM generate_series(0, length({given}) / 32 - 1) AS place)"


def _element(value: int | str | None) -> str:
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return "NULL" if value is None else str(value)
