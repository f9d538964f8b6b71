"""Queries for the balance: the figures of a region and category, and the items most wanting."""

import base64
import binascii
import struct
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from chassis.data.k_anonymity import TOWNSHIP_DIGITS
from chassis.problems import invalid
from matching.balance.rules import classify_supply
from matching.balance.typical_days import category_range, load_typical_days
from matching.book.queries import find_townships

# Pledges for a wider region or category reach into this one. Of the enclosing rows only the pledges for exactly those count.
_BALANCE = text(
    """
    SELECT unit, sum(needs) FILTER (WHERE here AND this) AS waiting_needs, sum(need_units) FILTER (WHERE here AND this) AS waiting_units,
        sum(pledges) FILTER (WHERE here AND this) AS open_pledges, sum(pledges_units) FILTER (WHERE here AND this) AS open_units,
        sum(CASE WHEN here THEN pledges ELSE wide_pledges END) AS reaching_pledges,
        sum(CASE WHEN here THEN pledges_units ELSE wide_pledges_units END) AS reaching_units
    FROM balance CROSS JOIN LATERAL (SELECT region = :region AS here, category >= :category AND category < :behind AS this) AS exactly
    WHERE region = ANY(CAST(:regions AS text[]))
      AND (category >= :category AND category < :behind OR category = ANY(CAST(:groups AS text[])))
    GROUP BY unit ORDER BY unit
    """
)
# One page of the items most wanting in counties. Its constants are literal: the partial index has them in its condition.
_WANTING = """
    SELECT id, region, category, unit, needs AS waiting_needs, need_units AS waiting_units, wanting AS weight FROM balance
    WHERE length(region) = 6 AND wanting > 0 {conditions} ORDER BY wanting DESC, id LIMIT :limit
"""
_IN_REGION = "AND region >= :region AND region < :region || '~'"
_OF_CATEGORY = "AND category >= :category AND category < :behind"
_BEHIND = "AND (wanting < :weight OR wanting = :weight AND id > :id)"
_CURSOR = struct.Struct(">q16s")
_OF_NEEDS = ("waiting_needs", "waiting_units")
_FIGURES = (*_OF_NEEDS, "open_pledges", "open_units", "reaching_pledges", "reaching_units")


def load_balance(session: Session, region: str = "", category: str = "") -> dict[str, Any]:
    """Load the figures of a region and category, with all below them, by unit, and the typical days to a match.

    A township with too few households shows none of its needs, as in the lists: they count in its county alone.
    """
    stated = {"region": region, "regions": _regions_to(region), "groups": _groups_of(category), **category_range(category)}
    rows = [dict(row) for row in session.execute(_BALANCE, stated).mappings()]
    shows_needs = len(region) < TOWNSHIP_DIGITS or bool(find_townships(session, [region]))
    hidden = {} if shows_needs else dict.fromkeys(_OF_NEEDS, 0)
    units = [{"unit": row["unit"]} | {name: int(row[name] or 0) for name in _FIGURES} | hidden for row in rows]
    units = [one for one in units if any(one[name] for name in _FIGURES)]
    units = [one | {"standing": classify_supply(one["waiting_units"], one["reaching_units"])} for one in units]
    days = load_typical_days(session, {(region, category)}).get((region, category)) if shows_needs else None
    sums = {name: sum(one[name] for one in units) for name in _FIGURES if not name.endswith("units")}
    of = {"median": days[0] if days else None, "of": days[1] if days else 0}
    return {"region": region, "category": category, **sums, "units": units, "typical_days": of}


def list_most_wanting(session: Session, region: str = "", category: str = "", cursor: str | None = None, limit: int = 20) -> dict[str, Any]:
    """List the items most wanting and their counties. A normal need weighs 1, an urgent one 2, a critical one 4.

    Raises `invalid` for a malformed cursor.
    """
    conditions = [_IN_REGION] * bool(region) + [_OF_CATEGORY] * bool(category) + [_BEHIND] * bool(cursor)
    stated: dict[str, Any] = {"region": region, "limit": limit + 1, **category_range(category)}
    if cursor:
        stated["weight"], stated["id"] = _read(cursor)
    statement = text(_WANTING.format(conditions=" ".join(conditions)))
    named = {name: value for name, value in stated.items() if f":{name}" in str(statement)}
    rows = session.execute(statement, named).all()
    items = [
        {"region": row.region, "category": row.category, "unit": row.unit}
        | {name: int(getattr(row, name)) for name in ("waiting_needs", "waiting_units", "weight")}
        for row in rows[:limit]
    ]
    return {"items": items, "next": _write(int(rows[limit - 1].weight), rows[limit - 1].id) if len(rows) > limit else None}


def _regions_to(region: str) -> list[str]:
    return [region[:length] for length in (0, 2, 4, 6, 9) if length <= len(region)]


def _groups_of(category: str) -> list[str]:
    path = category.split(".")
    return [".".join(path[:depth]) for depth in range(1, len(path))]


def _write(weight: int, last: UUID) -> str:
    return base64.urlsafe_b64encode(_CURSOR.pack(weight, last.bytes)).decode()


def _read(cursor: str) -> tuple[int, UUID]:
    try:
        weight, last = _CURSOR.unpack(base64.b64decode(cursor, altchars=b"-_", validate=True))
        return weight, UUID(bytes=last)
    except (ValueError, struct.error, binascii.Error):
        raise invalid(errors=[{"pointer": "#query/cursor", "code": "wrong"}]) from None
