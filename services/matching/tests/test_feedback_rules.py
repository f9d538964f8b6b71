"""Rules for photos, thanks and ratings, without a database."""

from datetime import timedelta
from typing import Any

import pytest

from chassis.data.database import new_id
from chassis.http.auth import Caller
from matching.book.model import Match
from matching.feedback import rules
from matching.feedback.model import Feedback, Photo, Rating, Thanks
from matching.feedback.rules import (
    feedback_acts_on_match,
    find_decision_problem,
    find_feedback_problem,
    find_rating_deadline,
    find_removal_problem,
    may_see_photo,
)

from .unbound import AT, CITY, COUNTY, GIVER, HOUSEHOLD, VILLAGE, agent, caller, code, county, giver, household, match, movement, stranger

NOTHING = Feedback()


def sent() -> Match:
    return match("sent", movements=[movement("promised", GIVER), movement("sent", GIVER)])


def received(quantity: int = 10, days_ago: int = 0) -> Match:
    receipt = movement("received", HOUSEHOLD, AT - timedelta(days=days_ago), quantity)
    return match("received", movements=[movement("promised", GIVER), movement("sent", GIVER), receipt])


def photo(**changes: Any) -> Photo:
    return Photo(**{"id": new_id(), "side": "giver", "purpose": "evidence", "removed_at": None} | changes)


@pytest.mark.parametrize(
    ("of", "who", "acts"),
    [
        (match("accepted"), giver, []),
        (sent(), giver, ["add_photo"]),
        (sent(), household, []),
        (received(), giver, ["add_photo", "rate_match"]),
        (received(), household, ["add_photo", "add_thanks_photo", "thank_giver", "rate_match"]),
        (received(quantity=0), household, ["add_photo", "rate_match"]),
        (received(), stranger, []),
    ],
)
def test_each_side_gives_feedback_on_what_it_moved(of: Match, who: Caller, acts: list[str]) -> None:
    assert feedback_acts_on_match(who, of, NOTHING) == acts


def test_photos_of_a_side_are_limited_and_removed_ones_free() -> None:
    photos = [photo() for _ in range(4)]
    assert code(find_feedback_problem("add_photo", giver, sent(), Feedback(photos=photos))) == "enough_photos"
    photos[0].removed_at = AT
    assert find_feedback_problem("add_photo", giver, sent(), Feedback(photos=photos)) is None


@pytest.mark.parametrize(("state", "expected"), [("waiting", "already_thanked"), ("released", "already_thanked"), ("refused", None)])
def test_thanks_are_written_again_only_after_refusal(state: str, expected: str | None) -> None:
    assert code(find_feedback_problem("thank_giver", household, received(), Feedback(thanks=[Thanks(state=state)]))) == expected


def test_each_side_rates_once_until_the_deadline() -> None:
    rated = Feedback(ratings=[Rating(side="giver")])
    assert code(find_feedback_problem("rate_match", giver, received(), rated)) == "already_rated"
    assert find_feedback_problem("rate_match", household, received(), rated) is None
    assert code(find_feedback_problem("rate_match", household, received(days_ago=14), NOTHING)) == "rating_over"


def test_time_to_rate_ends_at_its_last_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "now", lambda: AT)
    assert code(find_feedback_problem("rate_match", giver, received(days_ago=14), NOTHING)) == "rating_over"
    monkeypatch.setattr(rules, "now", lambda: AT - timedelta(microseconds=1))
    assert find_feedback_problem("rate_match", giver, received(days_ago=14), NOTHING) is None


def test_time_to_rate_begins_with_receipt_else_with_closing() -> None:
    assert find_rating_deadline(sent()) is None
    assert find_rating_deadline(received()) == AT + timedelta(days=14)
    assert find_rating_deadline(match("closed", closed_at=AT)) == AT + timedelta(days=14)


@pytest.mark.parametrize(
    ("who", "side", "expected"),
    [(giver, "giver", None), (giver, "household", "not_allowed"), (household, "giver", None), (household, "household", None)],
)
def test_household_side_removes_photos_of_both_sides(who: Caller, side: str, expected: str | None) -> None:
    assert code(find_removal_problem(who, photo(side=side, match=sent()))) == expected


def test_removed_photo_cannot_be_removed_again() -> None:
    problem = find_removal_problem(giver, photo(match=sent(), removed_at=AT))
    assert problem is not None
    assert (problem.code, problem.details) == ("state_conflict", {"state": "removed"})


@pytest.mark.parametrize(
    ("changes", "expected"), [({}, "enough_photos"), ({"removed_at": AT}, None), ({"purpose": "evidence"}, None), ({"side": "giver"}, None)]
)
def test_thanks_have_one_photo(changes: dict[str, Any], expected: str | None) -> None:
    there = Feedback(photos=[photo(**{"side": "household", "purpose": "thanks"} | changes)])
    problem = find_feedback_problem("add_thanks_photo", household, received(), there)
    assert code(problem) == expected
    assert problem is None or problem.details == {"most": 1}


@pytest.mark.parametrize(("who", "state", "sees"), [(giver, "waiting", False), (giver, "released", True), (household, "waiting", True)])
def test_giver_sees_a_thanks_photo_once_thanks_are_released(who: Caller, state: str, sees: bool) -> None:
    shown = photo(side="household", purpose="thanks")
    assert may_see_photo(who, received(), Feedback(thanks=[Thanks(photo_id=shown.id, state=state)]), shown) == sees


@pytest.mark.parametrize(
    ("who", "state", "others", "expected"),
    [
        (county, "waiting", (), None),
        (county, "released", (), "state_conflict"),
        (household, "waiting", (), "not_allowed"),
        (agent, "waiting", (), None),
        (agent, "waiting", (CITY,), "own_thanks"),
        (agent, "waiting", ("510904",), None),
    ],
)
def test_authors_decide_own_thanks_only_if_alone(who: Caller, state: str, others: tuple[str, ...], expected: str | None) -> None:
    written = Thanks(state=state, author_id=agent.id, match=received())
    managers = {VILLAGE: {agent.id}} | {region: {caller(COUNTY).id} for region in others}
    assert code(find_decision_problem(who, written, managers)) == expected
