"""Deferred pairs: a need and a key of pledges below the region's threshold wait for a day, since a need's score grows while it waits."""

from collections.abc import Collection
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from chassis.data.bulk_sql import encode_array
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
"""SQL condition on a row of `needs` and one of `pledges`: no clearing of the last day has deferred the pair."""

# Raw SQL here and below: clearings run it with arrays of hundreds of ids.
_DEFER = text(
    "INSERT INTO too_low (need_id, category, scope, until)"
    " SELECT *, :until FROM unnest(CAST(:needs AS uuid[]), CAST(:categories AS text[]), CAST(:scopes AS text[]))"
    " ON CONFLICT (need_id, category, scope) DO UPDATE SET until = excluded.until"
)
_MARK_DEFERRED = text("UPDATE needs SET declined = true WHERE id = ANY(CAST(:ids AS uuid[])) AND NOT declined")
# One statement for both tables: in nearly every clearing none of the needs is deferred, and nothing is written.
_END = text(
    "WITH ended AS (UPDATE needs SET declined = false WHERE id = ANY(CAST(:ids AS uuid[])) AND declined RETURNING id)"
    " DELETE FROM too_low USING ended WHERE need_id = ended.id"
)
# Needs with an expired deferral, locked; needs that another transaction has locked are skipped.
_EXPIRED = text(
    "SELECT need_id FROM too_low JOIN needs ON needs.id = need_id WHERE until <= :at ORDER BY until LIMIT :limit"
    " FOR UPDATE OF needs SKIP LOCKED"
)
_DELETE_EXPIRED = text("DELETE FROM too_low WHERE need_id = ANY(CAST(:ids AS uuid[])) AND until <= :at")


def defer_pairs(session: Session, low: Collection[tuple[UUID, Key]], at: datetime) -> None:
    """Defer these pairs of need and key for a day. The caller has locked the needs."""
    if low:
        listed = sorted(low)
        keys = {"categories": [category for _, (category, _, _) in listed], "scopes": [scope for _, (_, _, scope) in listed]}
        session.execute(_DEFER, {"needs": [need for need, _ in listed], "until": at + PAUSE} | keys)
        session.execute(_MARK_DEFERRED, {"ids": encode_array({need for need, _ in low})})


def end_deferrals(session: Session, needs: Collection[UUID]) -> None:
    """End all deferrals of these needs, because something about them changed. The caller has locked the needs."""
    if needs:
        session.execute(_END, {"ids": encode_array(needs)})


def requeue_deferred_needs(session: Session) -> int:
    """Put needs whose deferral expired on the clearing queue; returns their number.

    Lock order: a clearing holds its queue entry when it defers pairs, so the queue entry comes first here too. Needs that another
    transaction has locked are skipped until the next minute: that transaction may be about to write to the queue.
    """
    at = now()
    expired = set(session.scalars(_EXPIRED, {"at": at, "limit": AT_ONCE}))
    if expired:
        clearing_queue.add(session, "need", expired)
        session.execute(_DELETE_EXPIRED, {"ids": encode_array(expired), "at": at})
    return len(expired)
