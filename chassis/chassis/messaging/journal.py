"""The service's memory of what it told: one partition a day, kept for the configured number of days."""

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
    "WITH told AS (DELETE FROM outbox USING unnest(CAST(:ids AS uuid[]), CAST(:queues AS text[])) AS done (id, queue)"
    " WHERE outbox.id = done.id AND outbox.queue = done.queue RETURNING outbox.*)"
    " INSERT INTO journal (id, name, teller, subject, version, recorded_at, traceparent, body, told_at)"
    " SELECT id, name, teller, subject, version, recorded_at, traceparent, body, :told_at FROM told WHERE queue = ''"
)
_LOCK = text("SELECT pg_advisory_xact_lock(hashtext('journal'))")
_RELAYS = text(
    "SELECT virtualtransaction FROM pg_locks WHERE relation = 'outbox'::regclass AND mode = 'RowShareLock' AND pid <> pg_backend_pid()"
    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)
_DAYS = text("SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'journal'::regclass ORDER BY 1")


def move_from_outbox(session: Session, rows: Iterable[Any]) -> None:
    """What was told leaves the outbox and becomes journal, but for what was told again to one queue: the journal holds that already."""
    told = [(row.id, row.queue) for row in rows]
    session.execute(_MOVE, {"ids": [event_id for event_id, _ in told], "queues": [queue for _, queue in told], "told_at": now()})


def read_page(
    session: Session, name: str, since: datetime, until: datetime, after: tuple[datetime, UUID] | None, limit: int
) -> Sequence[Row[tuple[object, ...]]]:
    """Events of one name told from `since` to before `until`, in the order of (told_at, id), behind the pair `after`."""
    rows = select(journal).where(_published(name, since, until)).order_by(journal.c.told_at, journal.c.id).limit(limit)
    if after:
        # Said twice: the first leaves out the days before, which the pair alone does not.
        rows = rows.where(journal.c.told_at >= after[0], tuple_(journal.c.told_at, journal.c.id) > after)
    return session.execute(rows).all()


def count(session: Session, name: str, since: datetime, until: datetime) -> int:
    """How many events of one name were told from `since` to before `until`."""
    return session.scalar(select(func.count()).select_from(journal).where(_published(name, since, until))) or 0


def wait_for_relays(database: Database, seconds: float = 30) -> bool:
    """Until whoever is telling now has finished: what was told before a listener's queue stood may not be journal yet. False when
    somebody is still at it in the end."""
    deadline = time.monotonic() + seconds
    with database.begin() as session:
        telling = set(session.scalars(_RELAYS))
    while telling and time.monotonic() < deadline:
        time.sleep(0.05)
        with database.begin() as session:
            telling &= set(session.scalars(_RELAYS))
    return not telling


def complete_since(session: Session) -> datetime | None:
    """The moment from which the journal holds all that was told: older days are dropped. None while it has no partition."""
    days = session.scalars(_DAYS).all()
    return datetime.strptime(days[0].rpartition("_")[2], "%Y%m%d").replace(tzinfo=UTC) if days else None


def maintain_partitions(session: Session, days_kept: int, at: datetime | None = None) -> None:
    """Make the partitions of today and the two days to come, and drop those older than `days_kept`. Safe to run anywhere, at any time."""
    today = (at or now()).date()
    # Whoever reads the journal keeps pages from being turned; whoever waits for them keeps everybody from writing.
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
