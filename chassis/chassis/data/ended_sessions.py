"""Sessions that ended while their access tokens are valid: of staff in every service, of others where streams are held."""

from collections.abc import Collection, Sequence
from datetime import timedelta
from uuid import UUID

from sqlalchemy import Column, Table, Uuid, cast, delete, func, select
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.orm import Session

from chassis.data.database import Moment, tables
from contracts.users import SessionEnded, SignInEnded

RETENTION = timedelta(hours=1)
"""How long an ended session is remembered: longer than any access token lives, and clocks of machines differ."""

ended_sessions = Table(
    "ended_sessions",
    tables,
    Column("id", Uuid, primary_key=True),
    Column("ended_at", Moment, nullable=False, index=True),
)


def record(session: Session, events: Sequence[SessionEnded | SignInEnded]) -> None:
    """Record that sessions ended, in any order and more than once."""
    rows = [{"id": event.session_id, "ended_at": event.ended_at} for event in sorted(events, key=lambda event: event.session_id)]
    if rows:
        session.execute(insert(ended_sessions).on_conflict_do_nothing(), rows)


def find_ended(session: Session, session_ids: Collection[UUID]) -> set[UUID]:
    """Find those of these sessions that have ended. One array takes a hundredth of the time of thousands of parameters."""
    asked = func.unnest(cast(list(session_ids), ARRAY(Uuid))).column_valued("asked")
    return set(session.scalars(select(ended_sessions.c.id).where(ended_sessions.c.id.in_(select(asked))))) if session_ids else set()


def delete_expired(session: Session) -> None:
    """Delete sessions that ended so long ago that none of their access tokens is valid any more."""
    session.execute(delete(ended_sessions).where(ended_sessions.c.ended_at < func.now() - RETENTION))
