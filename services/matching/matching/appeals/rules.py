"""Rules for appeals: who may lodge and decide them."""

from datetime import datetime
from uuid import UUID

from chassis.http.auth import Caller
from chassis.problems import Problem, not_allowed, state_conflict
from matching.appeals.model import Appeal, ReliabilityEvent
from matching.appeals.problems import nothing_to_appeal, own_appeal
from matching.book.rules import manages_county_of, people_involved


def find_lodging_problem(caller: Caller, event: ReliabilityEvent) -> Problem | None:
    """Why the caller may not appeal against a mark, or None."""
    if event.person_id != caller.id:
        return not_allowed()
    return nothing_to_appeal() if not event.bad or event.void_at or event.appeal else None


def find_decision_problem(caller: Caller, appeal: Appeal) -> Problem | None:
    """Why the caller may not decide an appeal, or None: it is the county's, and nobody's who took part in the match."""
    match = appeal.event.match
    if not manages_county_of(caller, match):
        return not_allowed()
    if caller.id in people_involved_in(appeal):
        return own_appeal()
    return state_conflict(state=appeal.state) if appeal.state != "waiting" else None


def people_involved_in(appeal: Appeal, until: datetime | None = None) -> set[UUID]:
    """Who took part in what an appeal is about, by then if said so, and so does not decide it."""
    match = appeal.event.match
    raters = {rating.by for rating in appeal.event.ratings if until is None or rating.at <= until}
    return people_involved(match, until) | raters | {appeal.person_id}
