"""The offices of a caller of staff, read together with the end of their session: one read in each request."""

from collections import defaultdict
from collections.abc import Collection
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from chassis.data.appointments import ADMINISTRATOR, AUDITOR, appointments
from chassis.data.database import Database
from chassis.data.ended_sessions import find_ended

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


class Standing(NamedTuple):
    """The regions that somebody manages and audits."""

    managed: tuple[str, ...]
    audited: tuple[str, ...]

    def manages(self, region: str) -> bool:
        """Tell whether they manage this region or one around it."""
        return region.startswith(self.managed) if self.managed else False

    def reads(self, region: str) -> bool:
        """Tell whether they manage or audit this region or one around it."""
        return self.manages(region) or any(region.startswith(audited) for audited in self.audited)


def read_standings(database: Database, people: Collection[UUID], session_ids: Collection[UUID]) -> tuple[dict[UUID, Standing], set[UUID]]:
    """Read the offices of many members of staff, and which of these sessions, theirs and others', have ended."""
    held = select(appointments.c.user_id, appointments.c.role, appointments.c.region).where(
        appointments.c.user_id.in_(people), appointments.c.ended_at.is_(None)
    )
    offices: dict[UUID, dict[str, list[str]]] = defaultdict(lambda: {ADMINISTRATOR: [], AUDITOR: []})
    with database.read() as session:
        for person, role, region in session.execute(held):
            offices[person].setdefault(role, []).append(region)
        ended = find_ended(session, session_ids)
    return {person: Standing(tuple(held[ADMINISTRATOR]), tuple(held[AUDITOR])) for person, held in offices.items()}, ended
