"""Queries of members. They are shown to whoever may see their household."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from chassis.http.auth import Caller
from chassis.http.pagination import page
from chassis.problems import not_found
from users.households.model import Household, Member
from users.households.queries import get_household


def list_members(session: Session, caller: Caller, household_id: UUID, left: bool = False, **paging: Any) -> dict[str, Any]:
    """Read a page of the members of a household that the caller may see: those who belong to it, or who left. Raises `not_found`."""
    household = get_household(session, caller, household_id)
    in_state = Member.left_at.is_not(None) if left else Member.left_at.is_(None)
    found = page(session, select(Member).where(Member.household_id == household.id, in_state), Member.id, **paging)
    return found | {"household": household}


def get_member(session: Session, caller: Caller, member_id: UUID) -> tuple[Member, Household]:
    """Get a member of a household that the caller may see, with the household. Raises `not_found`."""
    visible = or_(caller.within(Household.region), Household.account_id == caller.id)
    query = select(Member, Household).join(Household, Household.id == Member.household_id).where(Member.id == member_id, visible)
    found = session.execute(query).first()
    if found is None:
        raise not_found()
    return found[0], found[1]


def list_standing_members(session: Session, household_id: UUID) -> Sequence[Member]:
    """List the members who belong to a household, in the order in which they were added."""
    return session.scalars(select(Member).where(Member.household_id == household_id, Member.left_at.is_(None)).order_by(Member.id)).all()
