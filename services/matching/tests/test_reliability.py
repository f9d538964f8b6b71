"""Reliability: the formula, its events and its readers."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from sqlalchemy import text

from chassis.testing.fixtures import Client, Person, RolledBack, administrator_of
from matching.allocation.score import PRIOR_CLASS, RELIABILITY_CLASSES
from matching.checks.actions import CHECKS
from matching.intake import actions as intake
from matching.matches.actions import answers
from matching.reliability import actions as reliability
from matching.reliability import classes
from matching.reliability.rules import (
    BOUNDS,
    EPOCH,
    HALF_LIFE,
    LAPSE,
    NO_SHOW,
    RATING,
    WITHDRAWAL,
    Evidence,
    classify,
    expected_share,
    find_next_class_change,
    forward_weight,
)

from .conftest import DAYS, VILLAGE, clear, offered, published
from .test_delivery import SENDING, Promise

AT = EPOCH + 2500 * DAYS


def record(good: float = 0, bad: float = 0) -> Evidence:
    """Make a record of reliability events at `AT`."""
    return Evidence(good * forward_weight(AT), bad * forward_weight(AT))


def test_unknown_person_has_the_prior_class() -> None:
    assert classify(expected_share(Evidence(), AT)) == PRIOR_CLASS
    assert [classify(share) for share in (0.1, 0.5, 0.7, 0.8, 0.95)] == list(RELIABILITY_CLASSES)


@pytest.mark.parametrize(
    ("good", "bad", "level"), [(5, 0, 4), (4, 0, 3), (0, NO_SHOW, 2), (0, 3 * NO_SHOW, 1), (0, 4 * NO_SHOW, 0), (20, NO_SHOW, 3)]
)
def test_five_deliveries_raise_and_a_no_show_lowers(good: float, bad: float, level: int) -> None:
    assert classify(expected_share(record(good, bad), AT)) == level


def test_what_is_a_half_life_old_counts_half() -> None:
    assert expected_share(record(6, 2), AT + HALF_LIFE) == pytest.approx(expected_share(record(3, 1), AT))
    assert expected_share(record(6, 2), AT + 100 * HALF_LIFE) == pytest.approx(0.8)


marked = st.tuples(st.floats(0, 1), st.floats(0, 2), st.integers(0, 900))


@given(st.lists(marked, max_size=30))
def test_marks_add_up_in_any_order_and_come_off_again(all_marks: list[tuple[float, float, int]]) -> None:
    def added(some: list[tuple[float, float, int]], sign: int = 1) -> Evidence:
        weights = [(good, bad, forward_weight(AT - days * DAYS)) for good, bad, days in some]
        return Evidence(sign * sum(good * weight for good, _, weight in weights), sign * sum(bad * weight for _, bad, weight in weights))

    one, other = added(all_marks), added(all_marks[::-1])
    assert expected_share(one, AT) == pytest.approx(expected_share(other, AT))
    taken = added(all_marks[:1], -1)
    left = Evidence(one.good + taken.good, one.bad + taken.bad)
    assert expected_share(left, AT) == pytest.approx(expected_share(added(all_marks[1:]), AT))


@given(st.floats(0, 500), st.floats(0, 500))
def test_class_changes_at_the_predicted_moment(good: float, bad: float) -> None:
    kept = record(good, bad)
    assume(all(abs(expected_share(kept, AT) - bound) > 1e-9 for bound in BOUNDS))
    moment = find_next_class_change(kept, AT)
    if moment is None:
        assert {classify(expected_share(kept, AT + days * HALF_LIFE)) for days in (0, 1, 5, 50)} == {classify(expected_share(kept, AT))}
    else:
        before = max(AT, moment - timedelta(minutes=2))
        assert classify(expected_share(kept, before)) == classify(expected_share(kept, AT))
        assert classify(expected_share(kept, moment)) != classify(expected_share(kept, AT))


def test_class_at_its_bound_changes_only_downwards() -> None:
    """Five deliveries are just nine tenths, two and half a no-show just three quarters."""
    assert expected_share(Evidence(5, 0), EPOCH) == 0.9
    moment = find_next_class_change(Evidence(5, 0), EPOCH)
    assert moment is not None
    assert moment - EPOCH < timedelta(minutes=3)
    assert expected_share(Evidence(2, 1), EPOCH) == 0.75
    assert find_next_class_change(Evidence(2, 1), EPOCH) is None


def test_sums_of_an_earlier_release_mean_the_same() -> None:
    """Stored sums are relative to the epoch, so neither it nor the half-life may ever change."""
    assert forward_weight(datetime(2020, 1, 1, tzinfo=UTC)) == 1.0
    assert forward_weight(datetime(2020, 6, 29, tzinfo=UTC)) == 2.0
    assert Evidence() == Evidence(0.0, 0.0)
    assert (NO_SHOW, WITHDRAWAL, LAPSE, RATING) == (2.0, 0.5, 0.25, 0.5)


def of(database: RolledBack, person: Person) -> dict[str, tuple[float, float]]:
    """Return the reliability events about a person, by kind."""
    with database.begin() as session:
        rows = session.execute(text("SELECT kind, good, bad FROM marks WHERE person_id = :id AND void_at IS NULL"), {"id": person.id})
        return {row.kind: (round(row.good, 3), round(row.bad, 3)) for row in rows}


def audited(database: RolledBack) -> dict[str, Any]:
    with database.begin() as session:
        wanted = [check for check in CHECKS if check.code in {"mark_untrue", "reliability_differs", "pledge_class_differs"}]
        assert len(wanted) == 3
        return {check.code: row for check in wanted if (row := session.execute(text(check.statement)).first())}


WAYS: dict[str, tuple[list[tuple[str, dict[str, Any], str]], dict[str, tuple[float, float]]]] = {
    "all of it": ([("sending", SENDING, "giver"), ("receipt", {}, "household"), ("closing", {}, "household")], {"delivery": (1, 0)}),
    "less than promised": ([("sending", SENDING | {"quantity": 40}, "giver"), ("receipt", {}, "household")], {"delivery": (0.8, 0.2)}),
    "damaged": ([("sending", SENDING, "giver"), ("receipt", {"quantity": 30, "reason": "damaged"}, "agent")], {"delivery": (0.6, 0.4)}),
    "lost": ([("sending", SENDING, "giver"), ("receipt", {"quantity": 25, "reason": "lost"}, "agent")], {"delivery": (1, 0)}),
    "lost whole": ([("sending", SENDING, "giver"), ("receipt", {"quantity": 0, "reason": "lost"}, "agent")], {}),
    "a no-show": ([("cancellation", {"reason": "giver_no_show"}, "agent")], {"no_show": (0, 2)}),
    "a no-show after sending": (
        [("sending", SENDING, "giver"), ("cancellation", {"reason": "giver_no_show"}, "agent")],
        {"no_show": (0, 2)},
    ),
    "withdrawn": ([("cancellation", {"reason": "giver_withdrew"}, "giver")], {"withdrawal": (0, 0.5)}),
    "needed no longer": ([("cancellation", {"reason": "need_over"}, "agent")], {}),
    "not deliverable": ([("cancellation", {"reason": "not_deliverable"}, "giver")], {}),
}


@pytest.mark.parametrize(("acts", "noted"), WAYS.values(), ids=WAYS)
def test_what_comes_of_a_promise_is_noted_once(
    client: Client, database: RolledBack, acts: list[tuple[str, dict[str, Any], str]], noted: dict[str, tuple[float, float]]
) -> None:
    promise = Promise(client, database)
    for act, body, by in acts:
        assert promise.does(act, body, getattr(promise, by))[0] == 201
    assert of(database, promise.giver) == noted
    with database.begin() as session:
        reliability.record_events(session, session.scalars(text("SELECT id FROM matches")).all())
    assert of(database, promise.giver) == noted
    assert audited(database) == {}


def test_who_does_not_take_in_what_was_brought_is_noted_as_well(client: Client, database: RolledBack) -> None:
    promise = Promise(client, database)
    promise.does("sending", SENDING, promise.giver)
    promise.does("receipt", {"quantity": 10, "reason": "refused"}, promise.household)
    assert of(database, promise.agent) == {"collection": (0.2, 0.8)}
    assert of(database, promise.giver) == {"delivery": (1, 0)}


def lapsed(database: RolledBack, people: list[Person]) -> None:
    """Each of them leaves a proposal unanswered."""
    with database.begin() as session:
        intake.book_needs(session, [published(category=f"food.{number}") for number in range(len(people))])
        intake.book_pledges(session, [offered(category=f"food.{number}", pledger_id=person.id) for number, person in enumerate(people)])
    assert clear(database) == len(people)
    with database.begin() as session:
        session.execute(text("UPDATE matches SET answer_by = now() - interval '1 hour' WHERE state = 'proposed'"))
        assert answers.lapse_matches(session) == len(people)


def test_proposals_left_unanswered_are_noted_together(database: RolledBack) -> None:
    people = [Person("donor") for _ in range(5)]
    lapsed(database, people)
    assert [of(database, person) for person in people] == [{"lapse": (0, 0.25)}] * 5
    assert audited(database) == {}


SPOILT = {
    "mark_untrue": ("UPDATE marks SET bad = 3", "DELETE FROM marks"),
    "reliability_differs": ("UPDATE reliabilities SET bad = bad * 1.01", "UPDATE marks SET void_at = now()"),
    "pledge_class_differs": ("UPDATE pledges SET reliability = 1",),
}


@pytest.mark.parametrize(("code", "spoil"), [(code, spoil) for code, ways in SPOILT.items() for spoil in ways])
def test_the_audit_names_what_was_spoilt(database: RolledBack, code: str, spoil: str) -> None:
    lapsed(database, [Person("donor") for _ in range(3)])
    settle(database)
    assert audited(database) == {}
    with database.begin() as session:
        session.execute(text("UPDATE reliabilities SET settle_at = NULL"))
        session.execute(text(spoil))
    assert code in audited(database)


def settle(database: RolledBack) -> int:
    with database.begin() as session:
        return classes.update_classes(session)


def test_own_reliability_is_explained_in_both_languages(client: Client, database: RolledBack) -> None:
    fresh = client.get("/v1/reliability", by=Person("donor")).json
    assert (fresh["percent"], fresh["level"], [reason["code"] for reason in fresh["reasons"]]) == (80, "good", ["start"])
    promise = Promise(client, database)
    promise.does("sending", SENDING | {"quantity": 40}, promise.giver)
    promise.does("receipt", {}, promise.household)
    shown = client.get("/v1/reliability", by=promise.giver).json
    assert (shown["percent"], shown["level"]) == (80, "good")
    assert [reason["text"] for reason in shown["reasons"]] == [
        "1 次交付，送到了所答应数量的 80%",
        "没有记录时为 80%，180 天前的记录只算一半",
    ]
    english = client.get("/v1/reliability", by=promise.giver, headers={"Accept-Language": "en"}).json
    assert english["reasons"][0]["text"] == "deliveries: 1; 80% of what was promised arrived"


def test_reliability_is_shown_to_its_owner_and_administrators(client: Client, database: RolledBack) -> None:
    promise = Promise(client, database)
    path = f"{promise.path}/reliability"
    assert {client.get(path, by=person).status_code for person in (promise.agent, administrator_of(database, VILLAGE[:6]))} == {200}
    wanted = (
        (promise.stranger, 404),
        (Person("staff"), 404),
        (promise.household, 403),
        (promise.giver, 403),
        (Person("donor"), 403),
        (None, 401),
    )
    assert [client.get(path, by=person).status_code for person, _ in wanted] == [status for _, status in wanted]
    assert client.get("/v1/reliability").status_code == 401


def test_marks_are_seen_by_whom_they_are_about(client: Client, database: RolledBack) -> None:
    promise = Promise(client, database)
    promise.does("cancellation", {"reason": "giver_no_show"}, promise.agent)
    [mark] = client.get("/v1/marks", by=promise.giver).json["items"]
    assert (mark["kind"], mark["good"], mark["bad"], mark["allowed"]) == ("no_show", 0, 2, ["appeal_mark"])
    others = (promise.agent, promise.household, promise.stranger, Person("donor"))
    assert {client.get(f"/v1/marks/{mark['id']}", by=person).status_code for person in others} == {404}
    assert client.get("/v1/marks", by=promise.agent).json["items"] == []


def test_missed_reliability_event_is_recorded_later_once(client: Client, database: RolledBack) -> None:
    promise = Promise(client, database)
    promise.does("sending", SENDING, promise.giver)
    promise.does("receipt", {"quantity": 10, "reason": "short"}, promise.household)
    percent = client.get("/v1/reliability", by=promise.giver).json["percent"]
    with database.begin() as session:
        session.execute(text("DELETE FROM marks"))
        session.execute(text("DELETE FROM reliabilities"))
    with database.begin() as session:
        assert reliability.record_missed_events(session) > 0
    with database.begin() as session:
        assert reliability.record_missed_events(session) == 0
    assert client.get("/v1/reliability", by=promise.giver).json["percent"] == percent
