"""Queries of appointments. SQL decides which rows their caller may see."""

from collections.abc import Collection, Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, or_, select, text
from sqlalchemy.orm import Session

from chassis.data.database import below
from chassis.http.auth import Caller
from chassis.http.pagination import page
from chassis.problems import not_found
from users.appointments.model import Appointment

STANDING = Appointment.dismissed_at.is_(None)
IN_STATE: Mapping[str, ColumnElement[bool]] = {
    "offered": and_(STANDING, Appointment.confirmed_at.is_(None)),
    "confirmed": and_(STANDING, Appointment.confirmed_at.is_not(None), Appointment.began_at.is_(None)),
    "active": and_(STANDING, Appointment.began_at.is_not(None)),
    "refused": and_(Appointment.dismissed_at.is_not(None), Appointment.reason == "refused"),
    "dismissed": and_(Appointment.dismissed_at.is_not(None), Appointment.reason.is_distinct_from("refused")),
}
# Everybody who appointed somebody, directly or through others, ended appointments included.
_APPOINTERS = text(
    """
    WITH RECURSIVE appointers (id) AS (
        SELECT CAST(:account_id AS uuid)
        UNION
        SELECT maker.id FROM appointers
        JOIN appointment_records made ON made.account_id = appointers.id AND made.confirmed_at IS NOT NULL AND made.role = 'administrator'
        CROSS JOIN LATERAL (VALUES (made.appointed_by), (made.answerable_to)) maker (id)
        WHERE maker.id IS NOT NULL
    )
    SELECT id FROM appointers WHERE id <> :account_id
    """
)


def list_appointments(session: Session, caller: Caller, region: str = "", state: str = "active", **paging: Any) -> dict[str, Any]:
    """Read a page of the caller's own appointments and those in the regions that they manage or audit, newest first."""
    visible = or_(caller.within(Appointment.region), Appointment.account_id == caller.id)
    query = select(Appointment).where(visible, below(Appointment.region, region), IN_STATE[state])
    return page(session, query, Appointment.id, **paging)


def get_appointment(session: Session, caller: Caller, appointment_id: UUID) -> Appointment:
    """Get an appointment in the caller's regions, or one of their own. Raises `not_found`."""
    visible = or_(caller.within(Appointment.region), Appointment.account_id == caller.id)
    appointment = session.scalars(select(Appointment).where(Appointment.id == appointment_id, visible)).first()
    if appointment is None:
        raise not_found()
    return appointment


def holds_office(session: Session, account_id: UUID) -> bool:
    """Tell whether an appointment of the account counts now."""
    standing = select(Appointment.id).where(Appointment.account_id == account_id, IN_STATE["active"])
    return session.scalars(standing.limit(1)).first() is not None


def is_appointer_of(session: Session, candidate: UUID, account_id: UUID) -> bool:
    """Tell whether somebody appointed an administrator, directly or through others, now or ever."""
    return candidate in list_appointers(session, account_id)


def list_appointers(session: Session, account_id: UUID) -> set[UUID]:
    """List everybody who appointed an administrator, directly or through others, now or ever; they themselves are not among them."""
    return set(session.scalars(_APPOINTERS, {"account_id": account_id}))


def find_standing_places(session: Session, account_ids: Collection[UUID]) -> set[tuple[UUID, str]]:
    """Find where these accounts are administrators, or have been offered to be; the account and the region of each."""
    standing = select(Appointment.account_id, Appointment.region).where(Appointment.account_id.in_(account_ids), STANDING)
    return {(row[0], row[1]) for row in session.execute(standing.where(Appointment.role == "administrator"))} if account_ids else set()
