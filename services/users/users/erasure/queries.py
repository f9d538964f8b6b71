"""Queries of erasures."""

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from chassis.http.auth import Caller
from chassis.problems import not_found
from users.erasure.model import Erasure


def get_household_erasure(session: Session, caller: Caller, household_id: UUID) -> Erasure:
    """Get the erasure of a household in the caller's regions. Raises `not_found`."""
    found = session.scalars(select(Erasure).where(Erasure.household_id == household_id, caller.within(Erasure.region))).first()
    if found is None:
        raise not_found()
    return found
