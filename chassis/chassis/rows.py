"""Writing many rows at once: as one JSON document, so that the statement stays the same however many there are.

Of 500 rows as parameters each, the driver and SQLAlchemy put together a new statement every time, which takes them longer than the
database takes to write the rows.
"""

from collections.abc import Mapping, Sequence
from typing import Any

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
