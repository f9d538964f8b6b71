"""Events of sessions."""

from datetime import datetime
from uuid import UUID

from contracts.users import SessionEnded


def session_ended(session_id: UUID, account_id: UUID, ended_at: datetime) -> SessionEnded:
    """Make the event of a session of staff that ended."""
    return SessionEnded(version=1, session_id=session_id, user_id=account_id, ended_at=ended_at)
