"""The journal: published events of a service, one partition a day, kept for the configured number of days."""

import time
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, func, select, text, tuple_
from sqlalchemy.orm import Session

from chassis.data.database import Database, now
from chassis.messaging.outbox import journal

_MOVE = text(
    "WITH published AS (DELETE FROM outbox USING unnest(CAST(:ids AS uuid[]), CAST(:queues AS text[])) AS done (id, queue)"
    " WHERE outbox.id = done.id AND outbox.queue = done.queue RETURNING outbox.*)"
    " INSERT INTO journal (id, name, teller, subject, version, recorded_at, traceparent, body, told_at)"
    " SELECT id, name, teller, subject, version, recorded_at, traceparent, body, :told_at FROM published WHERE queue = ''"
)
_LOCK = text("SELECT pg_advisory_xact_lock(hashtext('journal'))")
_RELAYS = text(
    "SELECT virtualtransaction FROM pg_locks WHERE relation = 'outbox'::regclass AND mode = 'RowShareLock' AND pid <> pg_backend_pid()"
    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)
_DAYS = text("SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'journal'::regclass ORDER BY 1")


def move_from_outbox(session: Session, rows: Iterable[Any]) -> None:
    """Move published rows from the outbox to the journal. Rows for one queue are only deleted: the journal has them already."""
    published = [(row.id, row.queue) for row in rows]
    session.execute(_MOVE, {"ids": [event_id for event_id, _ in published], "queues": [queue for _, queue in published], "told_at": now()})


def read_page(
    session: Session, name: str, since: datetime, until: datetime, after: tuple[datetime, UUID] | None, limit: int
) -> Sequence[Row[tuple[object, ...]]]:
    """Read events of one name published from `since` to before `until`, ordered by (told_at, id), after the pair `after`."""
    rows = select(journal).where(_published(name, since, until)).order_by(journal.c.told_at, journal.c.id).limit(limit)
    if after:
        # The first condition lets PostgreSQL skip the partitions of earlier days; the pair alone does not.
        rows = rows.where(journal.c.told_at >= after[0], tuple_(journal.c.told_at, journal.c.id) > after)
    return session.execute(rows).all()


def count(session: Session, name: str, since: datetime, until: datetime) -> int:
    """Count the events of one name published from `since` to before `until`."""
    return session.scalar(select(func.count()).select_from(journal).where(_published(name, since, until))) or 0


def wait_for_relays(database: Database, seconds: float = 30) -> bool:
    """Wait until every relay has finished the batch it is publishing now; False when one has not after `seconds`.

    Events that were published before a new queue existed may not be in the journal yet.
    """
    deadline = time.monotonic() + seconds
    with database.begin() as session:
        publishing = set(session.scalars(_RELAYS))
    while publishing and time.monotonic() < deadline:
        time.sleep(0.05)
        with database.begin() as session:
            publishing &= set(session.scalars(_RELAYS))
    return not publishing


def complete_since(session: Session) -> datetime | None:
    """Return the moment from which the journal is complete, because older days are dropped; None without any partition."""
    days = session.scalars(_DAYS).all()
    return datetime.strptime(days[0].rpartition("_")[2], "%Y%m%d").replace(tzinfo=UTC) if days else None


def maintain_partitions(session: Session, days_kept: int, at: datetime | None = None) -> None:
    """Create the partitions of today and the two days to come; drop those older than `days_kept`. It is safe to run at any time."""
    today = (at or now()).date()
    # A reader of the journal blocks this DDL, and DDL that waits for its lock blocks every writer.
    session.execute(text("SET LOCAL lock_timeout = '1s'"))
    session.execute(_LOCK)
    standing = set(session.scalars(_DAYS))
    for day in (today + timedelta(days=ahead) for ahead in range(3)):
        if _name(day) not in standing:
            session.execute(
                text(f"CREATE TABLE {_name(day)} PARTITION OF journal FOR VALUES FROM ('{day}Z') TO ('{day + timedelta(days=1)}Z')")
            )
    for old in sorted(name for name in standing if name < _name(today - timedelta(days=days_kept))):
        session.execute(text(f"DROP TABLE {old}"))


def _name(day: date) -> str:
    return f"journal_{day:%Y%m%d}"


def _published(name: str, since: datetime, until: datetime) -> ColumnElement[bool]:
    return (journal.c.name == name) & (journal.c.told_at >= since) & (journal.c.told_at < until)
