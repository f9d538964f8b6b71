"""Recording visits and the help that was given."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from chassis.data.client_ids import find_sent_before
from chassis.data.database import new_id, now
from chassis.http.auth import Caller
from users.appointments.days import today
from users.households.model import Household
from users.visits import queries, rules
from users.visits.model import Help, Visit


def record_visit(session: Session, caller: Caller, wanted: Mapping[str, Any]) -> tuple[Visit, Household]:
    """Record a visit to a household that the caller answers for or administers, with the help given there."""
    if "id" in wanted and (sent_before := find_sent_before(session, Visit, caller.id, wanted)):
        return sent_before, queries.get_visited_household(session, caller, sent_before.household_id)
    if problem := rules.find_visit_problem(wanted["visited_on"], today()):
        raise problem
    household = queries.get_visited_household(session, caller, wanted["household_id"])
    visit = Visit(
        id=wanted.get("id") or new_id(),
        household_id=household.id,
        account_id=caller.id,
        region=household.region,
        visited_on=wanted["visited_on"],
        note=wanted.get("note"),
        recorded_at=now(),
        help=[Help(id=new_id(), kind=one["kind"], value=one.get("value"), description=one["description"]) for one in wanted["help"]],
    )
    session.add(visit)
    session.flush()
    return visit, household
