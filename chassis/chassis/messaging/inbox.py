"""What a listener has heard already: each event changes its tables once, however often it arrives."""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sqlalchemy import Column, String, Table, Uuid, func, text
from sqlalchemy.orm import Session

from chassis.data.bulk_sql import array
from chassis.data.database import Database, Moment, is_transient, tables
from chassis.messaging import outbox
from chassis.ops import tracing
from contracts.event import Event

log = logging.getLogger("chassis.inbox")
RETENTION = timedelta(days=90)
"""How long is known what was heard; nothing older may be told again."""

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
    """One delivery of an event: its id, what it says, the trace it belongs to."""

    id: UUID
    event: Event
    traceparent: str | None = None


def record_new(session: Session, handler: str, heard: Sequence[Received]) -> list[Event]:
    """The events that this handler has not handled before, in the order heard; they count as handled if the transaction commits.

    The ids go in sorted, because two overlapping batches that insert in different orders deadlock.
    """
    fresh = set(session.scalars(_RECORD, {"handler": handler, "ids": array(sorted({one.id for one in heard}))}).all())
    events = []
    for one in heard:
        if one.id in fresh:
            fresh.remove(one.id)
            events.append(one.event)
    return events


def handle(database: Database, handler: str, heard: Sequence[Received], act: Callable[[Session, list[Event]], object]) -> int:
    """Run one transaction: note what is heard for the first time, and act on it; returns how many that are.

    Raises what the act raises, nothing being changed then.
    """
    named = [(f"{handler} handled", one.traceparent) for one in heard]
    with tracing.spans(named, "consumer") as traces, database.begin() as session:
        outbox.continue_trace(session, traces[0], {one.event.subject: trace for one, trace in zip(heard, traces, strict=True)})
        if events := record_new(session, handler, heard):
            act(session, events)
        return len(events)


def delete_expired(session: Session) -> None:
    """Drop what was heard longer ago than `RETENTION`."""
    session.execute(text("DELETE FROM inbox WHERE handled_at < now() - CAST(:memory AS interval)"), {"memory": RETENTION})


def retry_on_database_errors(
    work: Callable[[], None], giving_up: Callable[[], bool], pause: Callable[[float], object] = time.sleep
) -> bool:
    """Do the work, again and again while the database's trouble lasts (0.2 s to 5 s apart); False when told to give up meanwhile."""
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
