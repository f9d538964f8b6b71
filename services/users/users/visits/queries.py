"""Queries of visits, and of the households that a helper answers for."""

from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import Session

from chassis.http.auth import Caller
from chassis.http.pagination import page
from chassis.problems import not_found
from users.helpers.model import Assignment
from users.helpers.queries import STANDING as ASSIGNED
from users.households.model import Household
from users.households.queries import STANDING, get_household
from users.visits.model import Visit


def list_own_households(session: Session, caller: Caller, **paging: Any) -> dict[str, Any]:
    """Read a page of the standing households that the caller answers for as a helper, alone or with their whole village."""
    return page(session, select(Household).where(_answered_for(caller), STANDING), Household.id, **paging)


def get_visited_household(session: Session, caller: Caller, household_id: UUID) -> Household:
    """Get a standing household that the caller answers for or administers, locked. Raises `not_found`."""
    visible = or_(_answered_for(caller), caller.within_managed(Household.region))
    found = session.scalars(select(Household).where(Household.id == household_id, STANDING, visible).with_for_update(read=True)).first()
    if found is None:
        raise not_found()
    return found


def list_visits(session: Session, caller: Caller, household_id: UUID, **paging: Any) -> dict[str, Any]:
    """Read a page of the visits to a household that the caller may see, newest first. Raises `not_found`."""
    household = get_household(session, caller, household_id)
    return page(session, select(Visit).where(Visit.household_id == household.id), Visit.id, **paging) | {"household": household}


def list_own_visits(session: Session, caller: Caller, **paging: Any) -> dict[str, Any]:
    """Read a page of the visits that the caller recorded, newest first."""
    return page(session, select(Visit).where(Visit.account_id == caller.id), Visit.id, **paging)


def _answered_for(caller: Caller) -> ColumnElement[bool]:
    """SQL condition: the caller is a helper of the household, or of its whole village."""
    here = or_(Assignment.household_id == Household.id, Assignment.household_id.is_(None))
    return select(Assignment.id).where(Assignment.account_id == caller.id, Assignment.region == Household.region, here, ASSIGNED).exists()
