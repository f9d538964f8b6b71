"""Queries of users. SQL decides which rows their caller may see."""

from typing import Any
from uuid import UUID

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from chassis.data.database import below
from chassis.http.auth import Caller
from chassis.http.pagination import page
from chassis.problems import not_found
from users.model import Account, Appointment, Household


def get_own_account(session: Session, caller: Caller) -> Account:
    """Get the caller's account. Raises `not_found`."""
    account = session.get(Account, caller.id)
    if account is None:
        raise not_found()
    return account


def find_household_id(session: Session, account_id: UUID) -> UUID | None:
    """Find the household of an account; None if it has none."""
    return session.scalar(select(Household.id).where(Household.account_id == account_id))


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


def list_households(session: Session, caller: Caller, region: str = "", **paging: Any) -> dict[str, Any]:
    """Read a page of the households in the regions that the caller manages, newest first."""
    query = select(Household).where(caller.within(Household.region), below(Household.region, region))
    return page(session, query, Household.id, **paging)


def get_household(session: Session, caller: Caller, household_id: UUID) -> Household:
    """Get a household in the caller's regions, or their own. Raises `not_found`."""
    visible = or_(caller.within(Household.region), Household.account_id == caller.id)
    found = session.scalars(select(Household).where(Household.id == household_id, visible)).first()
    if found is None:
        raise not_found()
    return found
