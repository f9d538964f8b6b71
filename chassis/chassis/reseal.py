"""Re-encrypts the rows of a service with the newest keys: `python -m chassis.reseal users`.

Run it when every process has the new key of `SEAL_KEYS` or `KEY_ENCRYPTION_KEYS` first; once it has finished, older keys may go. It also
encrypts anew what an earlier release encrypted. Run it while the service runs, as often as you like, several at once: it takes rows that
nobody locks, a hundred in a transaction, and goes on where it was interrupted.
"""

import json
import time
from collections.abc import Sequence
from typing import Any

from sqlalchemy import LargeBinary, false, func, literal, or_, select, tuple_, type_coerce, update
from sqlalchemy.orm import Session

from chassis.data.database import Database
from chassis.data.encryption import (
    OF_PERSON,
    Ciphertext,
    EncryptedModel,
    EncryptionSettings,
    encrypted_models,
    keeps_personal_keys,
    newest_header,
)
from chassis.data.personal_keys import PersonErased, personal_keys
from chassis.environment import SettingsError
from chassis.failures import Parser, one_line_failures
from chassis.start import installed_service, read_role_settings

AT_ONCE = 100
PAUSE_SECONDS = 0.2


def rotate_model(database: Database, model: EncryptedModel) -> int:
    """Re-encrypt the rows of a class whose values the newest key did not encrypt; return how many.

    Raises `InvalidToken` for a value that no key decrypts.
    """
    after, anew = None, 0
    while True:
        with database.begin() as session:
            rows = _page(session, model, after)
            _rotate_rows(session, model, rows)
            anew += len(rows)
            if not rows and not session.scalar(select(func.count()).select_from(model.table).where(_is_old(model))):
                return anew
        if not rows:
            # Somebody else has locked the rest.
            time.sleep(PAUSE_SECONDS)
        after = tuple(rows[-1][: len(model.keys)]) if rows else None


def _is_old(model: EncryptedModel) -> Any:
    """Return the condition of rows with a value that has another header than the newest key gives it; empty values have none."""
    if model.person_column is None:
        header: Any = literal(newest_header(), LargeBinary)
    else:
        header = literal(OF_PERSON, LargeBinary).op("||")(func.uuid_send(model.person_column))
    values = [type_coerce(column, LargeBinary) for column in model.columns.values()]
    old = [(func.length(value) > 0) & (func.substr(value, 1, func.length(header)) != header) for value in values]
    return or_(false(), *old)


def _page(session: Session, model: EncryptedModel, after: tuple[Any, ...] | None) -> Sequence[Any]:
    keys, values = list(model.keys.values()), [type_coerce(column, LargeBinary) for column in model.columns.values()]
    person = model.person_column if model.person_column is not None else literal(None)
    query = select(*keys, person, *values).where(_is_old(model)).order_by(*keys).limit(AT_ONCE).with_for_update(skip_locked=True)
    return session.execute(query.where(tuple_(*keys) > after) if after else query).all()


def _rotate_rows(session: Session, model: EncryptedModel, rows: Sequence[Any]) -> None:
    if model.person:
        personal_keys(model.service).make({row[len(model.keys)] for row in rows})
    for row in rows:
        ids, person, values = row[: len(model.keys)], row[len(model.keys)], row[len(model.keys) + 1 :]
        anew = {
            column.name: _rotate(model, column, ids, person, bytes(value))
            for column, value in zip(model.columns.values(), values, strict=True)
            if value
        }
        session.execute(update(model.table).where(*(key == one for key, one in zip(model.keys.values(), ids, strict=True))).values(anew))


def _rotate(model: EncryptedModel, column: Any, ids: Sequence[Any], person: Any, value: bytes) -> Ciphertext:
    """Return the value encrypted by the newest key; an empty one for somebody who was erased."""
    plain = model.decrypt(column, ids, value)
    try:
        return Ciphertext() if plain is None else model.encrypt(column, ids, person, plain)
    except PersonErased:
        return Ciphertext()


@one_line_failures
def main() -> None:
    """Re-encrypt the services named on the command line."""
    parser = Parser(prog="python -m chassis.reseal", description=__doc__)
    parser.add_argument("service", nargs="+", type=installed_service)
    every = [read_role_settings(service) for service in parser.parse_args().service]
    if EncryptionSettings.of_environment().as_before:
        raise SettingsError({"SEAL_AS_BEFORE": "is 1: remove it from every process first"})
    for settings in every:
        database = Database.of(settings, "reseal")
        if keeps_personal_keys(settings.service):
            anew = personal_keys(settings.service).rewrap()
            print(json.dumps({"service": settings.service, "table": "person_keys", "wrapped_anew": anew}), flush=True)
        for model in encrypted_models(settings.service):
            anew = rotate_model(database, model)
            print(json.dumps({"service": settings.service, "table": model.table.name, "sealed_anew": anew}), flush=True)
        database.close()


if __name__ == "__main__":
    main()
