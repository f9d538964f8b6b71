"""Rules for disputes, without a database."""

from datetime import timedelta
from typing import Any

import pytest

from chassis.http.auth import Caller
from matching.disputes import rules
from matching.disputes.model import Dispute
from matching.disputes.rules import acts_on_dispute, dispute_acts_on_match, find_dispute_problem, find_opening_problem

from .unbound import AGENT, AT, GIVER, agent, caller, city, code, county, giver, household, match, movement, stranger


def dispute(state: str, **changes: Any) -> Dispute:
    stated = {"state": state, "opened_by": GIVER, "answered_by": None, "raised_by": None, "match": match("sent", dispute="open")}
    return Dispute(**stated | changes)


@pytest.mark.parametrize(
    ("who", "state", "before", "expected"),
    [
        (giver, "sent", None, None),
        (household, "received", None, None),
        (giver, "accepted", None, "state_conflict"),
        (giver, "closed", None, "state_conflict"),
        (giver, "sent", "settled", "already_disputed"),
        (stranger, "sent", None, "not_allowed"),
    ],
)
def test_each_side_disputes_once_from_sending_to_closing(who: Caller, state: str, before: str | None, expected: str | None) -> None:
    contested = match(state, dispute=before)
    assert code(find_opening_problem("dispute_match", who, contested)) == expected
    assert dispute_acts_on_match(who, contested) == ([] if expected else ["dispute_match"])


@pytest.mark.parametrize(("after", "expected"), [(timedelta(microseconds=1), None), (timedelta(0), "dispute_time_over")])
def test_a_receipt_is_disputed_in_its_time(after: timedelta, expected: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "now", lambda: AT)
    assert code(find_opening_problem("dispute_match", household, match("received", close_at=AT + after))) == expected


@pytest.mark.parametrize(
    ("state", "who", "acts"),
    [
        ("open", county, ["answer_dispute"]),
        ("open", agent, []),
        ("open", giver, []),
        ("answered", giver, ["raise_dispute"]),
        ("answered", household, ["raise_dispute"]),
        ("raised", county, ["settle_dispute"]),
        ("raised", city, ["settle_dispute"]),
        ("raised", giver, []),
        ("settled", county, []),
    ],
)
def test_the_place_answers_sides_raise_the_county_settles(state: str, who: Caller, acts: list[str]) -> None:
    assert acts_on_dispute(who, dispute(state)) == acts


def test_nobody_settles_a_dispute_that_they_answered() -> None:
    assert code(find_dispute_problem("settle_dispute", county, dispute("raised", answered_by=county.id))) == "own_dispute"


def test_nobody_raises_a_dispute_that_they_answered() -> None:
    assert code(find_dispute_problem("raise_dispute", county, dispute("answered", answered_by=county.id))) == "not_allowed"


def test_people_involved_in_a_match_do_not_answer_its_dispute() -> None:
    moved = match("received", movements=[movement("received", county.id)])
    assert code(find_dispute_problem("answer_dispute", county, dispute("open", match=moved))) == "own_dispute"
    assert code(find_dispute_problem("answer_dispute", caller("", person=AGENT), dispute("open"))) == "own_dispute"
