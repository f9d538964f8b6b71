"""Queries of appointments. SQL decides which rows their caller may see."""

from typing import Any
from uuid import UUID

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from chassis.data.database import below
from chassis.http.auth import Caller
from chassis.http.pagination import page
from chassis.problems import not_found
from users.appointments.model import Appointment


def list_appointments(session: Session, caller: Caller, region: str = "", state: str = "active", **paging: Any) -> dict[str, Any]:
    """Read a page of the appointments in the regions that the caller manages, newest first."""
    standing = Appointment.dismissed_at.is_(None) if state == "active" else Appointment.dismissed_at.is_not(None)
    query = select(Appointment).where(caller.within(Appointment.region), below(Appointment.region, region), standing)
    return page(session, query, Appointment.id, **paging)


def get_appointment(session: Session, caller: Caller, appointment_id: UUID) -> Appointment:
    """Get an appointment in the caller's regions, or one of their own. Raises `not_found`."""
    visible = or_(caller.within(Appointment.region), Appointment.account_id == caller.id)
    appointment = session.scalars(select(Appointment).where(Appointment.id == appointment_id, visible)).first()
    if appointment is None:
        raise not_found()
    return appointment


def holds_office(session: Session, account_id: UUID) -> bool:
    """Tell whether an appointment of the account stands."""
    standing = select(Appointment.id).where(Appointment.account_id == account_id, Appointment.dismissed_at.is_(None))
    return session.scalars(standing.limit(1)).first() is not None
