"""Rules for appeals, without a database."""

from datetime import timedelta
from typing import Any

import pytest

from chassis.data.database import new_id
from chassis.http.auth import Caller
from matching.appeals.model import Appeal, ReliabilityEvent
from matching.appeals.rules import find_decision_problem, find_lodging_problem, people_involved_in
from matching.feedback.model import Rating

from .unbound import AGENT, AT, GIVER, HOUSEHOLD, TOWN, agent, caller, code, county, giver, household, match, movement, stranger


def event(**changes: Any) -> ReliabilityEvent:
    return ReliabilityEvent(**{"person_id": GIVER, "bad": 2.0, "void_at": None, "match": match("closed"), "ratings": []} | changes)


@pytest.mark.parametrize(
    ("who", "changes", "expected"),
    [
        (giver, {}, None),
        (household, {}, "not_allowed"),
        (giver, {"bad": 0.0}, "nothing_to_appeal"),
        (giver, {"void_at": AT}, "nothing_to_appeal"),
        (giver, {"appeal": Appeal(person_id=GIVER)}, "nothing_to_appeal"),
    ],
)
def test_people_appeal_once_against_what_counts_against_them(who: Caller, changes: dict[str, Any], expected: str | None) -> None:
    assert code(find_lodging_problem(who, event(**changes))) == expected


@pytest.mark.parametrize(
    ("who", "state", "expected"),
    [
        (county, "waiting", None),
        (county, "upheld", "state_conflict"),
        (caller(TOWN), "waiting", "not_allowed"),
        (agent, "waiting", "not_allowed"),
        (stranger, "waiting", "not_allowed"),
    ],
)
def test_only_the_county_decides_a_waiting_appeal(who: Caller, state: str, expected: str | None) -> None:
    assert code(find_decision_problem(who, Appeal(state=state, person_id=GIVER, event=event()))) == expected


def test_county_officers_who_were_involved_do_not_decide() -> None:
    moved = event(match=match("closed", movements=[movement("received", county.id)]))
    assert code(find_decision_problem(county, Appeal(state="waiting", person_id=GIVER, event=moved))) == "own_appeal"


def test_people_are_involved_from_their_act_or_rating_on() -> None:
    rater, receiver, later = new_id(), new_id(), AT + timedelta(days=1)
    moved = match("closed", movements=[movement("received", receiver, at=later)])
    rated = event(match=moved, ratings=[Rating(by=HOUSEHOLD, at=AT), Rating(by=rater, at=later)])
    appeal = Appeal(state="waiting", person_id=GIVER, event=rated)
    assert people_involved_in(appeal) == {AGENT, GIVER, HOUSEHOLD, rater, receiver}
    assert people_involved_in(appeal, until=AT) == {AGENT, GIVER, HOUSEHOLD}
