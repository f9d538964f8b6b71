"""Rules of matches and slips, without a database: claims, remainders, outcomes, slips in force."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chassis.http.auth import Caller
from chassis.problems import Problem
from matching.book.model import Need, Pledge, Slip
from matching.book.problems import does_not_fit, household_limit_reached, more_than_sent, not_enough, pledge_rests, unknown_need
from matching.book.rules import DISPUTED_WITHIN
from matching.matches.rules import (
    find_cancellation_problem,
    find_claim_problem,
    find_outcome,
    find_receipt_problem,
    name_claim_failure,
    pledge_fits,
    split,
    split_cancelled,
)
from matching.slips.rules import find_label_problem, require_in_force

from .unbound import agent, code, giver, household, match

AT = datetime(2026, 11, 30, tzinfo=UTC)
VILLAGE = "510903001001"


def need(**changes: Any) -> Need:
    return Need(**{"region": VILLAGE, "category": "food.rice", "unit": "kg", "rest": 10, "ended": False} | changes)


def pledge(**changes: Any) -> Pledge:
    stated = {"scope": "5109", "category": "food", "unit": "kg", "kind": "goods", "rest": 10, "ended": False, "paused": False}
    return Pledge(**stated | {"valid_until": AT + timedelta(days=1)} | changes)


@pytest.mark.parametrize(
    ("changes", "fits"),
    [
        ({}, True),
        ({"category": "food.rice"}, True),
        ({"category": "foo"}, False),
        ({"category": "food.rice.brown"}, False),
        ({"scope": ""}, True),
        ({"scope": VILLAGE[:9]}, True),
        ({"scope": "5108"}, False),
        ({"unit": "l"}, False),
    ],
)
def test_pledge_fits_its_category_unit_and_scope(changes: dict[str, Any], fits: bool) -> None:
    assert pledge_fits(need(), pledge(**changes), VILLAGE[:9]) is fits


def test_pledge_of_another_kind_than_the_item_never_fits() -> None:
    """An item that is not known, and pledges of before, have no kind to compare."""
    lesson, of_before = pledge(category="employment", kind="training"), pledge(kind=None)
    job = need(category="employment.job")
    assert [pledge_fits(job, lesson, VILLAGE[:9], kind) for kind in ("job", "training", None)] == [False, True, True]
    assert pledge_fits(need(), of_before, VILLAGE[:9], "job")
    assert code(find_claim_problem(job, lesson, 5, AT, VILLAGE[:9], kind="job")) == "does_not_fit"


@pytest.mark.parametrize(("shown", "scope"), [(VILLAGE[:9], VILLAGE), (VILLAGE[:6], VILLAGE[:9])])
def test_scope_narrower_than_the_shown_region_never_fits(shown: str, scope: str) -> None:
    assert [pledge_fits(need(), pledge(scope=one), shown) for one in (scope, scope[:-1] + "9")] == [False, False]


@pytest.mark.parametrize(
    ("of_need", "of_pledge", "code"),
    [
        ({}, {}, None),
        ({"rest": 5}, {"rest": 5}, None),
        ({"rest": 4}, {}, "not_enough"),
        ({}, {"rest": 4}, "not_enough"),
        ({"ended": True}, {}, "not_enough"),
        ({}, {"ended": True}, "not_enough"),
        ({}, {"valid_until": AT}, "not_enough"),
        ({}, {"scope": "5108"}, "does_not_fit"),
        ({}, {"paused": True, "ended": True, "rest": 0}, "pledge_rests"),
    ],
)
def test_claim_needs_enough_of_a_fitting_open_pledge(of_need: dict[str, Any], of_pledge: dict[str, Any], code: str | None) -> None:
    problem = find_claim_problem(need(**of_need), pledge(**of_pledge), 5, AT, VILLAGE[:6])
    assert (problem and problem.code) == code


@pytest.mark.parametrize(("part", "parts"), [(None, (8, 0)), (8, (8, 0)), (5, (5, 3)), (0, (0, 8))])
def test_quantity_is_split_into_a_part_and_the_rest(part: int | None, parts: tuple[int, int]) -> None:
    assert split(8, part, more_than_sent) == parts


def test_part_larger_than_the_whole_is_refused() -> None:
    with pytest.raises(Problem) as refused:
        split(8, 9, more_than_sent)
    assert refused.value.code == "more_than_sent"


@pytest.mark.parametrize(("missing", "reason", "is_refused"), [(0, None, False), (3, "damaged", False), (3, None, True)])
def test_incomplete_receipt_requires_a_reason(missing: int, reason: str | None, is_refused: bool) -> None:
    assert (find_receipt_problem(missing, reason) is not None) is is_refused


@pytest.mark.parametrize(("received", "outcome"), [(8, "delivered"), (3, "partly_delivered"), (0, "nothing_arrived")])
def test_outcome_follows_from_the_received_quantity(received: int, outcome: str) -> None:
    assert find_outcome(8, received) == outcome


@pytest.mark.parametrize(
    ("returned", "sent", "reason", "parts"),
    [(0, 0, "not_deliverable", (8, 8)), (3, 5, "not_deliverable", (0, 5)), (0, 0, "need_over", (8, 0)), (3, 5, "household_moved", (0, 0))],
)
def test_cancellation_returns_unsent_and_missing_units(returned: int, sent: int, reason: str, parts: tuple[int, int]) -> None:
    assert split_cancelled(8, returned, sent, reason) == parts


@pytest.mark.parametrize(
    ("slip", "is_in_force"),
    [
        (None, False),
        (Slip(expires_at=AT + timedelta(seconds=1), revoked_at=None), True),
        (Slip(expires_at=AT, revoked_at=None), False),
        (Slip(expires_at=AT + timedelta(days=1), revoked_at=AT), False),
    ],
)
def test_slip_is_in_force_until_revoked_or_expired(slip: Slip | None, is_in_force: bool) -> None:
    if is_in_force:
        assert require_in_force(slip, AT) is slip
    else:
        with pytest.raises(Problem):
            require_in_force(slip, AT)


@pytest.mark.parametrize(
    ("who", "reason", "expected"),
    [
        (giver, "giver_withdrew", None),
        (giver, "giver_no_show", "not_allowed"),
        (household, "giver_no_show", None),
        (household, "household_moved", None),
        (household, "need_over", None),
        (agent, "giver_withdrew", "not_allowed"),
        (giver, "not_deliverable", None),
        (household, "not_deliverable", None),
    ],
)
def test_each_side_cancels_for_its_own_reasons(who: Caller, reason: str, expected: str | None) -> None:
    assert code(find_cancellation_problem(who, match("accepted"), reason)) == expected


@pytest.mark.parametrize(("room", "found"), [(None, None), (10, None), (9, "household_limit_reached"), (0, "household_limit_reached")])
def test_claim_stays_within_what_its_household_may_get(room: int | None, found: str | None) -> None:
    assert code(find_claim_problem(need(), pledge(), 10, AT, "510903001", room)) == found
    assert code(find_claim_problem(need(), pledge(unit="bag"), 10, AT, "510903001", room)) == "does_not_fit"


@pytest.mark.parametrize(
    ("problem", "name"),
    [
        (unknown_need(), "need_over"),
        (does_not_fit(), "does_not_fit"),
        (household_limit_reached(), "household_limit"),
        (not_enough(), "not_enough"),
        (pledge_rests(), "not_enough"),
    ],
)
def test_failed_claim_is_named_by_its_problem(problem: Problem, name: str) -> None:
    assert name_claim_failure(problem) == name


@pytest.mark.parametrize(
    ("who", "state", "kind", "found"),
    [
        (giver, "accepted", "goods", None),
        (giver, "sent", "goods", None),
        (giver, "proposed", "goods", "state_conflict"),
        (giver, "received", "goods", "state_conflict"),
        (giver, "accepted", "job", "label_not_needed"),
        (household, "accepted", "goods", "not_allowed"),
        (agent, "sent", "goods", "not_allowed"),
    ],
)
def test_giver_of_goods_gets_a_label_until_they_arrive(who: Caller, state: str, kind: str, found: str | None) -> None:
    assert code(find_label_problem(who, match(state), kind)) == found


def test_match_is_disputed_within_a_fortnight() -> None:
    assert DISPUTED_WITHIN.days == 14
