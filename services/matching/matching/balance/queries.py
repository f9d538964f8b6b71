"""Queries for the balance: the figures of a region and category, and the items most wanting."""

import base64
import binascii
import struct
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from chassis.data.database import forbid_bitmap_scans
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
    FROM (
        SELECT *, true AS this FROM balance WHERE region = ANY(CAST(:regions AS text[])) AND category >= :category AND category < :behind
        UNION ALL
        SELECT *, false FROM balance WHERE region = ANY(CAST(:regions AS text[])) AND category = ANY(CAST(:groups AS text[]))
    ) AS found CROSS JOIN LATERAL (SELECT region = :region AS here) AS exactly
    GROUP BY unit ORDER BY unit
    """
)
# A page of the items most wanting: of everything, or of some categories, whose ordered lists are merged as far as the page needs.
# Each list is a range of one of the partial indexes `balance_wanting_…`, which have these constants in their condition.
_WANTING = """
    (SELECT id, region, category, unit, needs AS waiting_needs, need_units AS waiting_units, wanting AS weight FROM balance
    WHERE length(region) = 6 AND wanting > 0 {conditions} ORDER BY wanting DESC, id DESC LIMIT :limit)
"""
_MERGED = "SELECT * FROM ({lists}) AS lists ORDER BY weight DESC, id DESC LIMIT :limit"
_IN_REGION = {2: "AND left(region, 2) = :region", 4: "AND left(region, 4) = :region", 6: "AND region = :region"}
_BEHIND = "AND (wanting, id) < (:weight, :id)"
_CATEGORIES = text("SELECT DISTINCT category FROM categories WHERE category >= :category AND category < :behind ORDER BY category")
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
    stated: dict[str, Any] = {"region": region, "limit": limit + 1}
    conditions = [_IN_REGION[len(region)]] if region else []
    if cursor:
        conditions.append(_BEHIND)
        stated["weight"], stated["id"] = _read(cursor)
    lists = [" ".join(conditions)]
    if category:
        found = session.scalars(_CATEGORIES, category_range(category)).all()
        stated |= {f"category_{number}": one for number, one in enumerate(found)}
        lists = [f"{lists[0]} AND category = :category_{number}" for number in range(len(found))]
    if not lists:
        return {"items": [], "next": None}
    statement = text(_MERGED.format(lists=" UNION ALL ".join(_WANTING.format(conditions=one) for one in lists)))
    named = {name: value for name, value in stated.items() if name in statement.compile().params}
    forbid_bitmap_scans(session)
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
