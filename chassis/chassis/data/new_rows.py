"""Many new rows of a mapped class, written by one COPY. An object of the session costs more than all the rest that is done for a row."""

from collections.abc import Mapping, Sequence
from functools import cache
from operator import itemgetter
from types import SimpleNamespace
from typing import Any, cast

from sqlalchemy import Table
from sqlalchemy.orm import Mapper, Session, class_mapper

from chassis.data.bulk_sql import copy_rows
from chassis.data.encryption import EncryptedModel


def new_row(entity: type, **values: Any) -> Any:
    """Make a row that no session knows, with the attributes of a mapped class: those given, constant defaults, and None for the others."""
    return SimpleNamespace(**(_empty_row(entity) | values))


def insert_rows(session: Session, entity: type, rows: Sequence[Any]) -> None:
    """Write rows made by `new_row`, their encrypted values encrypted. Raises SQLAlchemy's errors, such as `IntegrityError`."""
    if not rows:
        return
    mapper: Mapper[Any] = class_mapper(entity)
    table, model = cast("Table", mapper.local_table), EncryptedModel(mapper)
    columns = {key: column.name for key, column in mapper.columns.items()}
    values: Sequence[Mapping[str, Any]] = [vars(row) for row in rows]
    copy_rows(session, table.fullname, list(columns.values()), map(itemgetter(*columns), model.encrypt_new(values)))


@cache
def _empty_row(entity: type) -> dict[str, Any]:
    defaults: dict[str, Any] = {key: column.default for key, column in class_mapper(entity).columns.items()}
    return {key: default.arg if default is not None and default.is_scalar else None for key, default in defaults.items()}
