"""The offices of a caller of staff, read together with the end of their session: one read in each request."""

from collections import defaultdict
from uuid import UUID

from sqlalchemy.orm import Session

# As plain SQL, this takes half the processor time of the same statement in SQLAlchemy's words, which each request of staff would spend.
_READ = (
    "SELECT role, region FROM appointments WHERE user_id = %(user_id)s AND ended_at IS NULL"
    " UNION ALL SELECT '', '' FROM ended_sessions WHERE id = %(session_id)s"
    " ORDER BY 2"
)


def read_offices(session: Session, user_id: UUID, session_id: UUID | None) -> dict[str, list[str]] | None:
    """Return the regions of a member of staff by their office there, or None when their session has ended."""
    offices: dict[str, list[str]] = defaultdict(list)
    for role, region in session.connection().exec_driver_sql(_READ, {"user_id": user_id, "session_id": session_id}):
        if not role:
            return None
        offices[role].append(region)
    return offices
