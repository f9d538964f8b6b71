"""Rules for appeals: the actions refuse by them, and every answer lists the acts that they allow."""

from datetime import datetime
from uuid import UUID

from chassis.http.auth import Caller
from chassis.problems import Problem, not_allowed, state_conflict
from matching.appeals.model import Appeal, ReliabilityEvent
from matching.appeals.problems import nothing_to_appeal, own_appeal
from matching.book.rules import manages_county_of, people_involved


def find_lodging_problem(caller: Caller, event: ReliabilityEvent) -> Problem | None:
    """Return the problem that keeps the caller from appealing against an event, or None.

    People appeal once against an event about them that counts against them.
    """
    if event.person_id != caller.id:
        return not_allowed()
    return nothing_to_appeal() if not event.bad or event.void_at or event.appeal else None


def find_decision_problem(caller: Caller, appeal: Appeal) -> Problem | None:
    """Return the problem that keeps the caller from deciding an appeal, or None.

    Managers of the county decide it, but nobody who was involved in the match.
    """
    if not manages_county_of(caller, appeal.event.match):
        return not_allowed()
    if caller.id in people_involved_in(appeal):
        return own_appeal()
    return state_conflict(state=appeal.state) if appeal.state != "waiting" else None


def people_involved_in(appeal: Appeal, until: datetime | None = None) -> set[UUID]:
    """Return the appellant and the people who acted on or rated the match, up to a moment if one is given."""
    raters = {rating.by for rating in appeal.event.ratings if until is None or rating.at <= until}
    return people_involved(appeal.event.match, until) | raters | {appeal.person_id}
