"""Looking at a household whose data are masked otherwise."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from chassis.data.database import new_id, now
from chassis.http.auth import Caller
from users.households.actions import lock_for_act
from users.households.model import Household, Reveal


def reveal_household(session: Session, caller: Caller, household_id: UUID, wanted: Mapping[str, Any]) -> Household:
    """Record the purpose and the reason of a look at a household of the caller's regions, which is then shown whole."""
    household = lock_for_act(session, caller, household_id, "reveal_household")
    look = Reveal(
        id=new_id(),
        household_id=household.id,
        revealed_by=caller.id,
        revealed_at=now(),
        purpose=wanted["purpose"],
        reason=wanted["reason"],
    )
    session.add(look)
    session.flush()
    return household
