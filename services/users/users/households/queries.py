"""Queries of households. SQL decides which rows their caller may see."""

from typing import Any
from uuid import UUID

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from chassis.data.database import below
from chassis.http.auth import Caller
from chassis.http.pagination import page
from chassis.problems import not_found
from users.households.model import Household


def find_household_id(session: Session, account_id: UUID) -> UUID | None:
    """Find the household of an account; None if it has none."""
    return session.scalar(select(Household.id).where(Household.account_id == account_id))


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


def find_noted_household(session: Session, phone_fingerprint: bytes, name: str) -> Household | None:
    """Find the household without an account for which its village noted this phone, and lock it; among several, the one of this name."""
    noted = select(Household).where(Household.contact_phone_fingerprint == phone_fingerprint, Household.account_id.is_(None))
    found = session.scalars(noted.with_for_update()).all()
    if len(found) > 1:
        found = [household for household in found if household.name == name]
    return found[0] if len(found) == 1 else None
