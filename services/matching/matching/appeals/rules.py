"""Rules for appeals: who may lodge and decide them."""

from datetime import datetime
from uuid import UUID

from chassis.http.auth import Caller
from chassis.problems import Problem, not_allowed, state_conflict
from matching.appeals.model import Appeal, Mark
from matching.appeals.problems import nothing_to_appeal, own_appeal
from matching.book.rules import is_the_countys, who_acted


def mark_refusal(caller: Caller, mark: Mark) -> Problem | None:
    """Why the caller may not appeal against a mark, or None."""
    if mark.person_id != caller.id:
        return not_allowed()
    return nothing_to_appeal() if not mark.bad or mark.void_at or mark.appeal else None


def appeal_refusal(caller: Caller, appeal: Appeal) -> Problem | None:
    """Why the caller may not decide an appeal, or None: it is the county's, and nobody's who took part in the match."""
    match = appeal.mark.match
    if not is_the_countys(caller, match):
        return not_allowed()
    if caller.id in involved_in(appeal):
        return own_appeal()
    return state_conflict(state=appeal.state) if appeal.state != "waiting" else None


def involved_in(appeal: Appeal, until: datetime | None = None) -> set[UUID]:
    """Who took part in what an appeal is about, by then if said so, and so does not decide it."""
    match = appeal.mark.match
    raters = {rating.by for rating in appeal.mark.ratings if until is None or rating.at <= until}
    return who_acted(match, until) | raters | {appeal.person_id}
