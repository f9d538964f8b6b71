"""The service's memory of what it told: one partition a day, kept for the configured number of days."""

from collections.abc import Collection
from datetime import date, datetime, timedelta
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from chassis.database import now

_KEEP = text(
    "WITH told AS (DELETE FROM outbox WHERE id = ANY(CAST(:ids AS uuid[])) RETURNING *)"
    " INSERT INTO journal (id, name, teller, subject, version, recorded_at, traceparent, body, told_at)"
    " SELECT id, name, teller, subject, version, recorded_at, traceparent, body, :told_at FROM told"
)
_LOCK = text("SELECT pg_advisory_xact_lock(hashtext('journal'))")
_DAYS = text("SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'journal'::regclass ORDER BY 1")


def keep(session: Session, ids: Collection[UUID]) -> None:
    """What was told leaves the outbox and becomes journal."""
    session.execute(_KEEP, {"ids": list(ids), "told_at": now()})


def turn_page(session: Session, days_kept: int, at: datetime | None = None) -> None:
    """Make the partitions of today and the two days to come, and drop those older than `days_kept`. Safe to run anywhere, at any time."""
    today = (at or now()).date()
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
