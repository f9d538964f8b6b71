"""Queries of helpers. SQL decides which rows their caller may see."""

from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, exists, or_, select
from sqlalchemy.orm import Session

from chassis.data.database import below
from chassis.http.auth import Caller
from chassis.http.pagination import page
from chassis.problems import not_found
from users.helpers.model import Assignment
from users.households.model import Household

STANDING = Assignment.released_at.is_(None)


def list_helpers(session: Session, caller: Caller, region: str = "", released: bool = False, **paging: Any) -> dict[str, Any]:
    """Read a page of the assignments in the regions that the caller manages or audits, newest first."""
    ended = STANDING if not released else ~STANDING
    query = select(Assignment).where(caller.within(Assignment.region), below(Assignment.region, region), ended)
    return page(session, query, Assignment.id, **paging)


def list_own_assignments(session: Session, caller: Caller, **paging: Any) -> dict[str, Any]:
    """Read a page of the caller's own assignments that stand, newest first."""
    return page(session, select(Assignment).where(Assignment.account_id == caller.id, STANDING), Assignment.id, **paging)


def list_helpers_of_household(session: Session, caller: Caller, **paging: Any) -> dict[str, Any]:
    """Read a page of the helpers who answer for the caller's household, or for its village."""
    return page(session, select(Assignment).where(_answers_for(caller), STANDING), Assignment.id, **paging)


def get_assignment(session: Session, caller: Caller, assignment_id: UUID, *, lock: bool = False) -> Assignment:
    """Get an assignment in the caller's regions, an own one, or one for the caller's household; locked on request. Raises `not_found`."""
    visible = or_(caller.within(Assignment.region), Assignment.account_id == caller.id, and_(_answers_for(caller), STANDING))
    query = select(Assignment).where(Assignment.id == assignment_id, visible)
    found = session.scalars(query.with_for_update(of=Assignment) if lock else query).first()
    if found is None:
        raise not_found()
    return found


def _answers_for(caller: Caller) -> ColumnElement[bool]:
    """SQL condition: the helper answers for the caller's household, or for the whole village."""
    own = and_(Household.account_id == caller.id, Household.region == Assignment.region)
    return exists().where(own, or_(Assignment.household_id.is_(None), Assignment.household_id == Household.id))
