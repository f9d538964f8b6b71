"""What users can be asked: each answer holds what its caller may see, decided in SQL."""

from typing import Any
from uuid import UUID

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from chassis.data.database import below
from chassis.http.auth import Caller
from chassis.http.pagination import page
from chassis.problems import not_found
from users.model import Account, Appointment, Household


def own_account(session: Session, caller: Caller) -> Account:
    account = session.get(Account, caller.id)
    if account is None:
        raise not_found()
    return account


def household_of(session: Session, account_id: UUID) -> UUID | None:
    """The household whose account this is."""
    return session.scalar(select(Household.id).where(Household.account_id == account_id))


def appointment_is_shown_to(caller: Caller, appointment: Appointment) -> bool:
    return caller.id == appointment.account_id or caller.manages(appointment.region)


def appointments(session: Session, caller: Caller, region: str = "", state: str = "active", **paging: Any) -> dict[str, Any]:
    """The appointments of the regions that the caller manages, newest first."""
    standing = Appointment.dismissed_at.is_(None) if state == "active" else Appointment.dismissed_at.is_not(None)
    query = select(Appointment).where(caller.within(Appointment.region), below(Appointment.region, region), standing)
    return page(session, query, Appointment.id, **paging)


def appointment_of(session: Session, caller: Caller, appointment_id: UUID) -> Appointment:
    """One of the appointments of the caller's regions, or one of their own. Raises `not_found`."""
    visible = or_(caller.within(Appointment.region), Appointment.account_id == caller.id)
    appointment = session.scalars(select(Appointment).where(Appointment.id == appointment_id, visible)).first()
    if appointment is None:
        raise not_found()
    return appointment


def households(session: Session, caller: Caller, region: str = "", **paging: Any) -> dict[str, Any]:
    """The households of the regions that the caller manages, newest first."""
    query = select(Household).where(caller.within(Household.region), below(Household.region, region))
    return page(session, query, Household.id, **paging)


def household(session: Session, caller: Caller, household_id: UUID) -> Household:
    """A household of the caller's regions, or their own. Raises `not_found`."""
    visible = or_(caller.within(Household.region), Household.account_id == caller.id)
    found = session.scalars(select(Household).where(Household.id == household_id, visible)).first()
    if found is None:
        raise not_found()
    return found
