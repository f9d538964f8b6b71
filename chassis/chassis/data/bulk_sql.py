"""Bulk statements that take many rows as one JSON document, so that the statement is the same for any number of rows.

With one parameter for each value, driver and SQLAlchemy compose a new statement every time. For 500 rows that takes longer than
the database takes to write them.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import TextClause, text


def insert_into(table: str, columns: Sequence[str], more: str = "") -> TextClause:
    """Return an INSERT of these columns, followed by `more`. `encode_rows` makes its parameter `rows`; other columns get defaults."""
    named = ", ".join(columns)
    return text(
        f"INSERT INTO {table} ({named}) SELECT {named} FROM json_populate_recordset(CAST(NULL AS {table}), CAST(:rows AS json)) {more}"
    )


def encode_rows(rows: Sequence[Mapping[str, Any]]) -> str:
    """Encode rows for `insert_into`: ids, times, numbers and texts as they are; lists and dictionaries for JSON columns."""
    return msgspec.json.encode(rows).decode()


def encode_array(values: Iterable[UUID | int | str | None]) -> str:
    """Encode values as a PostgreSQL array, for `CAST(:ids AS uuid[])`; that is much faster than a list as parameter."""
    # Without escapes, the elements of a JSON array and of a PostgreSQL array are written alike.
    listed = msgspec.json.encode(list(values)).decode()[1:-1]
    return "{" + (listed if "\\" not in listed else ",".join(map(_element, msgspec.json.decode(f"[{listed}]")))) + "}"


def _element(value: int | str | None) -> str:
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return "NULL" if value is None else str(value)
