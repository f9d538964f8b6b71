"""Needs like a chosen one, in villages that have had no help."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from chassis.data.bulk_sql import encode_array
from chassis.data.database import now
from chassis.data.k_anonymity import public_region
from chassis.http.auth import Caller
from matching.allocation.score import SCOPE_LENGTHS
from matching.book.model import Need, Pledge
from matching.book.problems import unknown_need, unknown_pledge
from matching.book.queries import find_townships
from matching.refusals.conditions import pair_is_allowed

MOST = 3
REMEMBERED_DAYS = 90
LOOKED_AT = 500
HELPED = f"""
    NOT state IN ('proposed', 'refused', 'lapsed', 'declined') AND (state <> 'closed' OR ended_because IN ('delivered', 'partly_delivered'))
    AND answered_at > CAST(:at AS timestamptz) - interval '{REMEMBERED_DAYS} days'
"""
"""SQL condition: the match helped its need lately. Cancelled matches and those without a received quantity do not count."""

_HELPED_IN = text(f"SELECT count(DISTINCT need_id) FROM matches WHERE region = :village AND {HELPED}")

# One need for each village, the most urgent and longest waiting one. The limit bounds the rows read: an area may hold a million needs.
_SUGGESTED = text(
    f"""
    WITH near AS (
        SELECT id, region, category, unit, urgency, rest, posted_at FROM needs
        WHERE category = :category AND unit = :unit AND region >= :area AND region < :area || '~' AND open
          AND urgency >= :urgency AND region <> :village AND region <> ALL(CAST(:shown AS text[]))
          AND {pair_is_allowed("needs", ":pledge_id", "CAST(:not_for AS text[])")}
        ORDER BY urgency DESC, posted_at LIMIT {LOOKED_AT}
    ),
    first AS (SELECT DISTINCT ON (region) * FROM near ORDER BY region, urgency DESC, posted_at, id)
    SELECT * FROM first WHERE NOT EXISTS (SELECT FROM matches WHERE matches.region = first.region AND {HELPED})
    ORDER BY urgency DESC, posted_at, id LIMIT :most
    """
)


@dataclass(frozen=True)
class Suggested:
    """A need like the chosen one; `open` in whole units, `region` as the public sees it."""

    need_id: UUID
    region: str
    category: str
    unit: str
    urgency: int
    open: int
    posted_at: datetime


@dataclass(frozen=True)
class Suggestions:
    """Suggestions instead of a need in `region`, as the public sees it; `helped` needs of its village had help lately.

    Without such help there are none.
    """

    region: str
    helped: int
    needs: Sequence[Suggested]


def suggest_needs(session: Session, caller: Caller, need_id: UUID, pledge_id: UUID) -> Suggestions:
    """Suggest up to three needs of the same item, at least as urgent, that the pledge fits: nearest villages without help first.

    Raises `unknown_pledge` for another's pledge, and `unknown_need`.
    """
    pledge = session.get(Pledge, pledge_id)
    if pledge is None or pledge.pledger_id != caller.id:
        raise unknown_pledge()
    need = session.get(Need, need_id)
    if need is None or need.ended:
        raise unknown_need()
    at = now()
    helped = session.scalar(_HELPED_IN, {"village": need.region, "at": at}) or 0
    found: list[Suggested] = []
    shown = public_region(need.region, find_townships(session, [need.region]))
    for area in _areas(need.region, pledge.scope) if helped and shown.startswith(pledge.scope) else []:
        found += _within(session, area, need, pledge, [one.region for one in found], at)
        if len(found) == MOST:
            break
    townships = find_townships(session, [one.region for one in found])
    return Suggestions(shown, helped, [replace(one, region=public_region(one.region, townships)) for one in found])


def _areas(village: str, scope: str) -> list[str]:
    """Return the regions to search, from the township outwards, within the scope of the pledge."""
    return [village[:length] for length in reversed(SCOPE_LENGTHS) if length >= len(scope)]


def _within(session: Session, area: str, need: Need, pledge: Pledge, shown: list[str], at: datetime) -> list[Suggested]:
    asked: dict[str, Any] = {"category": need.category, "unit": need.unit, "urgency": need.urgency, "village": need.region}
    given = {"pledge_id": pledge.id, "not_for": encode_array(pledge.exclusions)}
    rows = session.execute(_SUGGESTED, asked | given | {"area": area, "shown": shown, "at": at, "most": MOST - len(shown)})
    return [Suggested(row.id, row.region, row.category, row.unit, row.urgency, row.rest, row.posted_at) for row in rows]
