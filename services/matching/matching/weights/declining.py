"""Pairs that a region's threshold keeps apart: left alone for a day, since what a need is worth grows while it waits."""

from collections.abc import Collection
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from chassis.database import now
from chassis.rows import array
from matching import to_clear
from matching.score import Key

PAUSE = timedelta(days=1)
AT_ONCE = 1_000

WORTH_IT = """
    NOT EXISTS (
        SELECT FROM too_low
        WHERE too_low.need_id = needs.id AND too_low.category = pledges.category AND too_low.scope = pledges.scope
    )
"""
"""SQL condition on a row of `needs` and one of `pledges`: no clearing of the last day found them worth too little for each other."""

_DECLINE = text(
    "INSERT INTO too_low (need_id, category, scope, until)"
    " SELECT *, :until FROM unnest(CAST(:needs AS uuid[]), CAST(:categories AS text[]), CAST(:scopes AS text[]))"
    " ON CONFLICT (need_id, category, scope) DO UPDATE SET until = excluded.until"
)
_FORGET = text("DELETE FROM too_low WHERE need_id = ANY(CAST(:ids AS uuid[]))")
_AWAKEN = text(
    "DELETE FROM too_low WHERE (need_id, category, scope) IN ("
    " SELECT need_id, category, scope FROM too_low WHERE until <= :at ORDER BY until LIMIT :limit FOR UPDATE SKIP LOCKED"
    ") RETURNING need_id"
)


def decline(session: Session, low: Collection[tuple[UUID, Key]], at: datetime) -> None:
    """These needs get nothing of these keys for a day; their rows are locked by the caller."""
    if low:
        listed = sorted(low)
        keys = {"categories": [category for _, (category, _, _) in listed], "scopes": [scope for _, (_, _, scope) in listed]}
        session.execute(_DECLINE, {"needs": [need for need, _ in listed], "until": at + PAUSE} | keys)


def forget(session: Session, needs: Collection[UUID]) -> None:
    """Something of these needs changed: they are weighed anew. Their rows are locked by the caller."""
    if needs:
        session.execute(_FORGET, {"ids": array(needs)})


def awaken(session: Session) -> int:
    """What was left alone for a day is looked at again; returns how many pairs."""
    over = session.scalars(_AWAKEN, {"at": now(), "limit": AT_ONCE}).all()
    to_clear.add(session, "need", set(over))
    return len(over)
