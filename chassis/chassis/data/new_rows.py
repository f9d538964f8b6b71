"""Many new rows of a mapped class, written by one COPY. An object of the session costs more than all the rest that is done for a row."""

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from operator import itemgetter
from types import SimpleNamespace
from typing import Any, cast

import msgspec
from sqlalchemy import JSON, Column, Table
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
    table, columns = cast("Table", mapper.local_table), _columns_of(entity)
    values: Iterable[Mapping[str, Any]] = EncryptedModel(mapper).encrypt_new([vars(row) for row in rows])
    if documents := [key for key, column in columns.items() if isinstance(column.type, JSON)]:
        values = ({**row, **{key: _encode_document(row[key]) for key in documents}} for row in values)
    copy_rows(session, table.fullname, [column.name for column in columns.values()], map(itemgetter(*columns), values))


def _encode_document(value: Any) -> str | None:
    return None if value is None else msgspec.json.encode(value).decode()


@cache
def _columns_of(entity: type) -> Mapping[str, Column[Any]]:
    """Return the columns that a new row states, by attribute: neither sums of other tables nor what the database computes."""
    every: Mapping[str, Any] = dict(class_mapper(entity).columns.items())
    return {key: column for key, column in every.items() if isinstance(column, Column) and column.computed is None}


@cache
def _empty_row(entity: type) -> dict[str, Any]:
    defaults: dict[str, Any] = {key: column.default for key, column in _columns_of(entity).items()}
    return {key: default.arg if default is not None and default.is_scalar else None for key, default in defaults.items()}
