"""Rules for acts on a match, without a database."""

from datetime import timedelta

import pytest

from chassis.http.auth import Caller
from matching.book import rules
from matching.book.rules import ACTS, acts_on_match, find_match_problem, manages_county_of, people_involved, side_of

from .unbound import AGENT, AT, COUNTY, GIVER, TOWN, agent, caller, city, code, county, giver, household, match, movement, stranger


@pytest.mark.parametrize(
    ("state", "who", "acts"),
    [
        ("proposed", giver, ["accept_match", "refuse_match"]),
        ("proposed", household, ["decline_match"]),
        ("proposed", agent, ["decline_match"]),
        ("accepted", giver, ["send_match", "cancel_match"]),
        ("accepted", household, ["decline_match", "cancel_match"]),
        ("accepted", agent, ["decline_match", "cancel_match", "print_slip"]),
        ("sent", giver, []),
        ("sent", household, ["receive_match", "cancel_match"]),
        ("sent", county, ["receive_match", "cancel_match", "print_slip"]),
        ("received", giver, ["close_match"]),
        ("received", household, ["close_match"]),
        ("closed", giver, []),
        ("lapsed", household, []),
        ("sent", stranger, []),
    ],
)
def test_each_side_acts_in_its_states_only(state: str, who: Caller, acts: list[str]) -> None:
    assert acts_on_match(who, match(state)) == acts


@pytest.mark.parametrize("act", ["accept_match", "refuse_match"])
def test_proposal_counts_as_lapsed_from_its_last_moment(act: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "now", lambda: AT)
    assert find_match_problem(act, giver, match(answer_by=AT + timedelta(microseconds=1))) is None
    problem = find_match_problem(act, giver, match(answer_by=AT))
    assert problem is not None
    assert (problem.code, problem.details) == ("state_conflict", {"state": "lapsed"})


@pytest.mark.parametrize(("dispute", "expected"), [(None, None), ("open", "disputed"), ("settled", None)])
def test_open_dispute_keeps_a_match_from_closing(dispute: str | None, expected: str | None) -> None:
    assert code(find_match_problem("close_match", giver, match("received", dispute=dispute))) == expected


@pytest.mark.parametrize(
    ("who", "after", "expected"),
    [(giver, timedelta(0), None), (giver, timedelta(microseconds=1), "still_disputable"), (household, timedelta(days=14), None)],
)
def test_giver_closes_once_the_time_to_dispute_is_over(
    who: Caller, after: timedelta, expected: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rules, "now", lambda: AT)
    assert code(find_match_problem("close_match", who, match("received", close_at=AT + after))) == expected


@pytest.mark.parametrize("act", ACTS)
def test_strangers_are_not_told_the_state(act: str) -> None:
    assert code(find_match_problem(act, stranger, match("closed"))) == "not_allowed"


@pytest.mark.parametrize(
    ("who", "side"), [(giver, "giver"), (household, "household"), (agent, "household"), (county, "household"), (stranger, None)]
)
def test_managers_stand_on_the_household_side(who: Caller, side: str | None) -> None:
    assert side_of(who, match()) == side


@pytest.mark.parametrize(
    ("who", "manages"),
    [(caller(COUNTY), True), (city, True), (caller(""), True), (caller(TOWN), False), (agent, False), (stranger, False)],
)
def test_the_county_and_wider_regions_manage_it(who: Caller, manages: bool) -> None:
    assert manages_county_of(who, match()) == manages


def test_people_involved_are_those_who_acted_by_then() -> None:
    printer = caller(person=None).id
    moves = [movement("sent", GIVER), movement("received", None, AT + timedelta(days=1), printed_by=printer)]
    received = match("received", movements=moves)
    assert people_involved(received) == {AGENT, GIVER, printer}
    assert people_involved(received, until=AT) == {AGENT, GIVER}


@pytest.mark.parametrize(("act", "state"), [("close_match", "received"), ("cancel_match", "sent")])
def test_open_dispute_keeps_a_match_from_ending(act: str, state: str) -> None:
    assert code(find_match_problem(act, household, match(state, dispute="open"))) == "disputed"
    assert find_match_problem(act, household, match(state, dispute="settled")) is None
