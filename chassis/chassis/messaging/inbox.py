"""The inbox of a listener: each event changes the listener's tables once, however often it is delivered."""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sqlalchemy import Column, String, Table, Uuid, delete, func, text
from sqlalchemy.orm import Session

from chassis.data.bulk_sql import encode_array
from chassis.data.database import Database, Moment, is_transient, tables
from chassis.data.regions import with_present_codes
from chassis.messaging import outbox
from chassis.ops import tracing
from contracts.event import Event

log = logging.getLogger("chassis.inbox")
RETENTION = timedelta(days=90)
"""How long handled events are remembered; older ones must not be sent again."""

inbox = Table(
    "inbox",
    tables,
    Column("handler", String(100), primary_key=True),
    Column("event_id", Uuid, primary_key=True),
    Column("handled_at", Moment, nullable=False, server_default=func.now(), index=True),
)

_RECORD = text(
    "INSERT INTO inbox (handler, event_id) SELECT :handler, event_id FROM unnest(CAST(:ids AS uuid[])) AS event_id"
    " ON CONFLICT DO NOTHING RETURNING event_id"
)


@dataclass(frozen=True)
class Received:
    """One delivery of an event: its id, the event, and its trace context."""

    id: UUID
    event: Event
    traceparent: str | None = None


def record_new(session: Session, handler: str, received: Sequence[Received]) -> list[Event]:
    """Record the deliveries for this handler; return the events that it has not handled before, in the order received.

    They count as handled when the transaction commits. Ids are inserted in sorted order, because two overlapping batches that
    insert in different orders deadlock.
    """
    fresh = set(session.scalars(_RECORD, {"handler": handler, "ids": encode_array(sorted({one.id for one in received}))}).all())
    events = []
    for one in received:
        if one.id in fresh:
            fresh.remove(one.id)
            events.append(one.event)
    return events


def handle(database: Database, handler: str, received: Sequence[Received], act: Callable[[Session, list[Event]], object]) -> int:
    """Record what is new and call `act` with it, in one transaction; return how many events were new.

    A code of a region that has one successor by now is replaced by it. Raises what `act` raises; nothing is changed then.
    """
    named = [(f"{handler} handled", one.traceparent) for one in received]
    with tracing.spans(named, "consumer") as traces, database.begin() as session:
        outbox.continue_trace(session, traces[0], {one.event.subject: trace for one, trace in zip(received, traces, strict=True)})
        if events := record_new(session, handler, received):
            act(session, with_present_codes(session, events))
        return len(events)


def delete_expired(session: Session) -> None:
    """Delete records older than `RETENTION`."""
    session.execute(delete(inbox).where(inbox.c.handled_at < func.now() - RETENTION))


def retry_on_database_errors(
    work: Callable[[], None], giving_up: Callable[[], bool], pause: Callable[[float], object] = time.sleep
) -> bool:
    """Do the work, again every 0.2 to 5 s while the database is unavailable; False when `giving_up` says so meanwhile."""
    wait = 0.2
    while True:
        try:
            work()
            return True
        except Exception as error:
            if not is_transient(error):
                raise
            log.warning("database trouble, the work waits", extra={"error": type(error).__name__, "pause_seconds": wait})
            if giving_up():
                return False
            pause(wait)
            wait = min(wait * 2, 5.0)
