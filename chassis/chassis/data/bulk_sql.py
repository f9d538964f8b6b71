"""Writing many rows at once: as one JSON document, so that the statement stays the same however many there are.

Of 500 rows as parameters each, the driver and SQLAlchemy put together a new statement every time, which takes them longer than the
database takes to write the rows.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import TextClause, text


def insert_into(table: str, columns: Sequence[str], more: str = "") -> TextClause:
    """INSERT of these columns of a table, `more` being what follows; the parameter `rows` is a `document`. Other columns get defaults."""
    named = ", ".join(columns)
    return text(
        f"INSERT INTO {table} ({named}) SELECT {named} FROM json_populate_recordset(CAST(NULL AS {table}), CAST(:rows AS json)) {more}"
    )


def document(rows: Sequence[Mapping[str, Any]]) -> str:
    """The rows for `insert_into`: ids, moments, numbers and words as they are, lists and dictionaries for columns that hold JSON."""
    return msgspec.json.encode(rows).decode()


def array(values: Iterable[UUID | int | str | None]) -> str:
    """The values as PostgreSQL writes an array, for `CAST(:ids AS uuid[])`: the driver takes much longer for a list of them."""
    # Where JSON escapes nothing, PostgreSQL reads what stands between its brackets as JSON does.
    listed = msgspec.json.encode(list(values)).decode()[1:-1]
    return "{" + (listed if "\\" not in listed else ",".join(map(_element, msgspec.json.decode(f"[{listed}]")))) + "}"


def _element(value: int | str | None) -> str:
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return "NULL" if value is None else str(value)
