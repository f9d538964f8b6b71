"""Sessions of staff that ended, recorded in every service's own database because their access tokens are valid for a while longer."""

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import Column, Table, Uuid, delete, func
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from chassis.data.database import Moment, tables
from contracts.users import SessionEnded

RETENTION = timedelta(hours=1)
"""How long an ended session is remembered: longer than any access token lives, and clocks of machines differ."""

ended_sessions = Table(
    "ended_sessions",
    tables,
    Column("id", Uuid, primary_key=True),
    Column("ended_at", Moment, nullable=False, index=True),
)


def record(session: Session, events: Sequence[SessionEnded]) -> None:
    """Record that sessions ended, in any order and more than once."""
    rows = [{"id": event.session_id, "ended_at": event.ended_at} for event in sorted(events, key=lambda event: event.session_id)]
    if rows:
        session.execute(insert(ended_sessions).on_conflict_do_nothing(), rows)


def delete_expired(session: Session) -> None:
    """Delete sessions that ended so long ago that none of their access tokens is valid any more."""
    session.execute(delete(ended_sessions).where(ended_sessions.c.ended_at < func.now() - RETENTION))
