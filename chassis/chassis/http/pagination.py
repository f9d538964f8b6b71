"""Pagination of lists: a cursor points behind the last row seen, so that new rows shift nothing."""

import base64
import binascii
from typing import Any, cast
from uuid import UUID

from marshmallow import fields
from sqlalchemy import Select, select, tuple_
from sqlalchemy.orm import Session

from chassis.http.fields import Schema, Strict, Text, Whole
from chassis.problems import invalid


class PageIn(Strict):
    """The query parameters of every list."""

    cursor = Text(100, metadata={"description": "`next` of the previous page"})
    limit = Whole(1, 100, in_address=True, load_default=20)


def page_of(item: type[Schema]) -> type[Schema]:
    """Return the answer schema of a list of `item`: `items` and `next`."""
    name = item.__name__.removesuffix("Out") + "Page"
    items = fields.List(fields.Nested(item), required=True)
    listed: dict[str, fields.Field[Any]] = {"items": items, "next": fields.String(allow_none=True, required=True)}
    return cast("type[Schema]", Schema.from_dict(listed, name=name))


def page(session: Session, query: Select[Any], key: Any, cursor: str | None = None, limit: int = 20) -> dict[str, Any]:
    """Return one page (`items`, `next`) of a query for one entity, newest first by its UUIDv7 column `key`.

    Raises `invalid` for a malformed cursor.
    """
    if cursor:
        query = query.where(key < read_cursor(cursor))
    rows = list(session.scalars(query.order_by(key.desc()).limit(limit + 1)))
    more = len(rows) > limit
    return {"items": rows[:limit], "next": _write(getattr(rows[limit - 1], key.key)) if more else None}


def page_along(session: Session, query: Select[Any], column: Any, key: Any, cursor: str | None = None, limit: int = 20) -> dict[str, Any]:
    """Return one page of a query in the order of a column, then of the UUID `key`; an index on both makes each page one range.

    A row that has gone since ends the list. Raises `invalid` for a malformed cursor.
    """
    if cursor:
        last = session.execute(select(column, key).where(key == read_cursor(cursor))).one_or_none()
        if last is None:
            return {"items": [], "next": None}
        query = query.where(tuple_(column, key) > tuple_(*last))
    rows = list(session.scalars(query.order_by(column, key).limit(limit + 1)))
    more = len(rows) > limit
    return {"items": rows[:limit], "next": _write(getattr(rows[limit - 1], key.key)) if more else None}


def _write(last: UUID) -> str:
    return base64.urlsafe_b64encode(last.bytes).decode().rstrip("=")


def read_cursor(cursor: str) -> UUID:
    """Return the id that a cursor points behind. Raises `invalid` for a malformed one."""
    try:
        return UUID(bytes=base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True))
    except (ValueError, binascii.Error):
        raise invalid(errors=[{"pointer": "#query/cursor", "code": "wrong"}]) from None
