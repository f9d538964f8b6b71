"""Pairs that a region's threshold keeps apart: left alone for a day, since what a need is worth grows while it waits."""

from collections.abc import Collection
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from chassis.data.bulk_sql import array
from chassis.data.database import now
from matching.allocation.score import Key
from matching.book import clearing_queue

PAUSE = timedelta(days=1)
AT_ONCE = 10_000

NOT_DEFERRED = """
    NOT EXISTS (
        SELECT FROM too_low
        WHERE too_low.need_id = needs.id AND too_low.category = pledges.category AND too_low.scope = pledges.scope AND until > now()
    )
"""
"""SQL condition on a row of `needs` and one of `pledges`: no clearing of the last day found them worth too little for each other."""

_DECLINE = text(
    "INSERT INTO too_low (need_id, category, scope, until)"
    " SELECT *, :until FROM unnest(CAST(:needs AS uuid[]), CAST(:categories AS text[]), CAST(:scopes AS text[]))"
    " ON CONFLICT (need_id, category, scope) DO UPDATE SET until = excluded.until"
)
_MARK = text("UPDATE needs SET declined = true WHERE id = ANY(CAST(:ids AS uuid[])) AND NOT declined")
# In one statement: what is weighed anew is, in nearly every clearing, nothing that was declined before.
_FORGET = text(
    "WITH weighed AS (UPDATE needs SET declined = false WHERE id = ANY(CAST(:ids AS uuid[])) AND declined RETURNING id)"
    " DELETE FROM too_low USING weighed WHERE need_id = weighed.id"
)
_OVER = text(
    "SELECT need_id FROM too_low JOIN needs ON needs.id = need_id WHERE until <= :at ORDER BY until LIMIT :limit"
    " FOR UPDATE OF needs SKIP LOCKED"
)
_AWAKEN = text("DELETE FROM too_low WHERE need_id = ANY(CAST(:ids AS uuid[])) AND until <= :at")


def defer_pairs(session: Session, low: Collection[tuple[UUID, Key]], at: datetime) -> None:
    """These needs get nothing of these keys for a day; their rows are locked by the caller."""
    if low:
        listed = sorted(low)
        keys = {"categories": [category for _, (category, _, _) in listed], "scopes": [scope for _, (_, _, scope) in listed]}
        session.execute(_DECLINE, {"needs": [need for need, _ in listed], "until": at + PAUSE} | keys)
        session.execute(_MARK, {"ids": array({need for need, _ in low})})


def end_deferrals(session: Session, needs: Collection[UUID]) -> None:
    """Something of these declined needs changed: they are weighed anew. Their rows are locked by the caller."""
    if needs:
        session.execute(_FORGET, {"ids": array(needs)})


def requeue_deferred_needs(session: Session) -> int:
    """What was left alone for a day is looked at again; returns how many needs.

    A clearing holds the entry of the list when it comes to what is too low: so the entry comes first here too. Whoever holds a need may be
    about to put others on the list, and is not waited for: its turn comes a minute later.
    """
    at = now()
    over = set(session.scalars(_OVER, {"at": at, "limit": AT_ONCE}))
    if over:
        clearing_queue.add(session, "need", over)
        session.execute(_AWAKEN, {"ids": array(over), "at": at})
    return len(over)
