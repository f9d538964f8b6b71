"""The clearing queue: needs and pledges whose book entry changed and that a clearing has to look at."""

from collections.abc import Collection
from typing import Literal
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from chassis.data.bulk_sql import encode_array
from chassis.messaging import outbox

CHANNEL = "to_clear"

# Updating an existing row takes its lock. A clearing that runs now then skips the row, or this statement waits for that clearing.
# DO NOTHING would lose the wake-up of a clearing that has not seen this change and deletes the row.
_ADD = text(
    "INSERT INTO to_clear (side, id, traceparent)"
    " SELECT :side, id, trace FROM unnest(CAST(:ids AS uuid[]), CAST(:traces AS text[])) AS due (id, trace) ORDER BY id"
    " ON CONFLICT (side, id) DO UPDATE SET due_at = least(to_clear.due_at, excluded.due_at), traceparent = excluded.traceparent"
)
_AGE = text("SELECT coalesce(extract(epoch FROM clock_timestamp() - min(queued_at)), 0)::float8 FROM to_clear")
_WAKE = text(f"SELECT pg_notify('{CHANNEL}', '')")


def add(session: Session, side: Literal["need", "pledge"], ids: Collection[UUID]) -> None:
    """Put needs or pledges on the queue; clearings see them once the transaction commits."""
    if ids:
        listed = sorted(ids)
        traces = encode_array(outbox.trace_of(session, thing) for thing in listed)
        session.execute(_ADD, {"side": side, "ids": encode_array(listed), "traces": traces})
        session.execute(_WAKE)


def age_seconds(session: Session) -> float:
    """Return for how many seconds the oldest entry has been on the queue, however often it was put off; 0 without one."""
    return max(0.0, float(session.execute(_AGE).scalar_one()))
