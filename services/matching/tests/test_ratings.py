"""Ratings: each side rates once, and both are shown together, so that nobody rates in return."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from chassis.testing.fixtures import Client, Person, RolledBack
from matching.feedback.actions import ratings

from .test_delivery import SENDING, Promise


@pytest.fixture
def got(client: Client, database: RolledBack) -> Promise:
    """Rice that arrived."""
    promise = Promise(client, database)
    promise.does("sending", SENDING, promise.giver)
    promise.does("receipt", {}, promise.household)
    return promise


def rate(promise: Promise, by: Person | None, stars: int = 5) -> tuple[int, Any]:
    """The status, and what the rater sees of both or the code of the problem."""
    answer = promise.client.post(f"{promise.path}/rating", {"stars": stars}, by=by)
    return answer.status_code, seen_in(answer.json) if answer.status_code == 201 else answer.json["code"]


def seen_in(shown: dict[str, Any]) -> tuple[int | None, int | None]:
    return tuple(shown[side] and shown[side]["stars"] for side in ("mine", "theirs"))  # type: ignore[return-value]


def sees(promise: Promise, by: Person) -> tuple[int | None, int | None]:
    return seen_in(promise.client.get(f"{promise.path}/ratings", by=by).json)


def earlier(database: RolledBack, days: int) -> None:
    """As if so many days had passed."""
    with database.begin() as session:
        session.execute(text("ALTER TABLE movements DISABLE TRIGGER movements_are_only_added"))
        session.execute(text("UPDATE movements SET at = at - :ago"), {"ago": timedelta(days=days)})
        session.execute(text("UPDATE ratings SET closes_at = closes_at - :ago"), {"ago": timedelta(days=days)})
        session.execute(text("UPDATE matches SET closed_at = closed_at - :ago"), {"ago": timedelta(days=days)})


def good(database: RolledBack, person: Person) -> float:
    """Return the reliability events of ratings about a person."""
    with database.begin() as session:
        query = text("SELECT coalesce(sum(good), 0) FROM marks WHERE kind = 'rating' AND person_id = :id")
        return float(session.scalar(query, {"id": person.id}) or 0)


def test_each_side_sees_the_other_s_rating_when_both_have_rated(got: Promise) -> None:
    assert sees(got, got.giver) == (None, None)
    assert rate(got, got.household, 2) == (201, (2, None))
    assert (sees(got, got.household), sees(got, got.agent), sees(got, got.giver)) == ((2, None), (2, None), (None, None))
    assert rate(got, got.giver, 4) == (201, (4, 2))
    assert sees(got, got.household) == (2, 4)


@pytest.mark.xfail(strict=True, raises=AssertionError, reason="without the delay a rating can be answered in kind")
def test_without_the_rule_a_rating_is_seen_before_one_rates(got: Promise, database: RolledBack) -> None:
    rate(got, got.household, 2)
    with database.begin() as session:
        session.execute(text("UPDATE ratings SET shown_at = now()"))
    assert sees(got, got.giver) == (None, None)


def test_rating_is_shown_and_final_after_a_fortnight(got: Promise, database: RolledBack) -> None:
    rate(got, got.household, 1)
    earlier(database, 13)
    with database.begin() as session:
        assert ratings.show_closed_ratings(session) == 0
    earlier(database, 1)
    with database.begin() as session:
        assert ratings.show_closed_ratings(session) == 1
        assert ratings.show_closed_ratings(session) == 0
    assert sees(got, got.giver) == (None, 1)
    assert rate(got, got.giver, 1) == (409, "rating_over")
    assert "rate_match" not in got.client.get(got.path, by=got.giver).json["allowed"]


def test_a_rating_counts_when_it_is_shown_and_not_before(got: Promise, database: RolledBack) -> None:
    rate(got, got.household, 5)
    assert good(database, got.giver) == 0
    before = got.client.get("/v1/reliability", by=got.giver).json
    assert "rating" not in {reason["code"] for reason in before["reasons"]}
    rate(got, got.giver, 3)
    assert (good(database, got.giver), good(database, got.agent)) == (0.5, 0.25)


def test_a_side_rates_once(got: Promise) -> None:
    assert rate(got, got.household, 5)[0] == 201
    assert rate(got, got.household, 1) == (409, "already_rated")
    assert rate(got, got.agent, 1) == (409, "already_rated")
    assert sees(got, got.household) == (5, None)


def test_nobody_rates_before_anything_came_of_it(client: Client, database: RolledBack) -> None:
    promise = Promise(client, database)
    assert rate(promise, promise.giver) == (409, "state_conflict")
    promise.does("sending", SENDING, promise.giver)
    assert rate(promise, promise.household) == (409, "state_conflict")
    promise.does("cancellation", {"reason": "giver_no_show"}, promise.agent)
    assert rate(promise, promise.household, 1) == (201, (1, None))


def test_others_neither_rate_nor_see_ratings(got: Promise) -> None:
    strangers = (got.stranger, Person("donor"), Person("household"))
    assert [rate(got, person)[0] for person in (*strangers, None)] == [404, 404, 404, 401]
    assert {got.client.get(f"{got.path}/ratings", by=person).status_code for person in strangers} == {404}


@pytest.mark.parametrize("stars", [0, 6, 4.5, "5", None, True])
def test_there_are_one_to_five_stars(got: Promise, stars: Any) -> None:
    assert rate(got, got.giver, stars) == (422, "invalid")


def test_a_fortnight_is_counted_from_what_arrived(got: Promise) -> None:
    got.does("closing", {}, got.household)
    receipt = got.client.get(got.path, by=got.giver).json["delivery"]["received_at"]
    closes = got.client.get(f"{got.path}/ratings", by=got.giver).json["closes_at"]
    assert datetime.fromisoformat(closes) - datetime.fromisoformat(receipt) == timedelta(days=14)
