"""Holds: a giver who chooses a need keeps units of it for ten minutes, from the matcher and from everybody else."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from chassis.data.database import now
from chassis.testing.fixtures import Client, Person, RolledBack
from chassis.testing.twins import unguarded
from contracts.matching import MatchAccepted, MatchProposed
from contracts.needs import NeedPublished
from matching.balance import actions as balance
from matching.book.model import Need
from matching.checks.actions import run_checks
from matching.fairness import actions as fairness
from matching.holds import actions as holds
from matching.holds import rules
from matching.intake import actions as intake

from .conftest import clear, offered, published, told, withdrawn


@pytest.fixture
def need(database: RolledBack) -> NeedPublished:
    """A need of fifty kilograms, for which nobody has offered anything."""
    need = published()
    with database.begin() as session:
        intake.book_needs(session, [need])
    return need


@pytest.fixture
def giver() -> Person:
    return Person("donor")


def hold(client: Client, giver: Person, need: NeedPublished, quantity: int = 20) -> Any:
    return client.post("/v1/holds", {"need_id": str(need.need_id), "quantity": quantity}, by=giver)


def rest_of(database: RolledBack, need: NeedPublished) -> int:
    with database.begin() as session:
        return int(session.scalar(text("SELECT rest FROM needs WHERE id = :id"), {"id": need.need_id}) or 0)


def offer(database: RolledBack, **changes: Any) -> Any:
    pledge = offered(**changes)
    with database.begin() as session:
        intake.book_pledges(session, [pledge])
    return pledge


def let_pass(database: RolledBack, time: timedelta) -> None:
    with database.begin() as session:
        session.execute(text("UPDATE holds SET opened_at = opened_at - :time, expires_at = expires_at - :time"), {"time": time})


def found_faults(database: RolledBack) -> list[str]:
    """Add up the counts that timers add up, and return what the audit finds wrong."""
    with database.begin() as session:
        while balance.update_balance(session) + fairness.count_helped_needs(session):
            pass
        return [finding.check.code for finding in run_checks(session) if finding.row]


def test_held_units_are_not_proposed_to_anybody(client: Client, database: RolledBack, need: NeedPublished, giver: Person) -> None:
    answer = hold(client, giver, need)
    assert (answer.status_code, answer.json["state"], answer.json["allowed"]) == (201, "open", ["release_hold"])
    with database.begin() as session:
        assert session.scalar(text("SELECT expires_at - opened_at FROM holds")) == timedelta(minutes=10)
    offer(database, quantity=100)
    clear(database)
    assert [event.quantity for event in told(database, MatchProposed)] == [30]


def test_others_cannot_claim_what_somebody_holds(client: Client, database: RolledBack, need: NeedPublished, giver: Person) -> None:
    hold(client, giver, need, 50)
    other = Person("volunteer")
    pledge = offer(database, pledger_id=other.id)
    claim = {"need_id": str(need.need_id), "pledge_id": str(pledge.pledge_id), "quantity": 1}
    assert client.post("/v1/claims", claim, by=other).json["code"] == "not_enough"
    assert hold(client, other, need, 1).json["code"] == "not_enough"


@pytest.mark.parametrize(("quantity", "left"), [(20, 30), (5, 45), (50, 0)])
def test_a_claim_uses_the_hold_and_frees_the_rest(
    client: Client, database: RolledBack, need: NeedPublished, giver: Person, quantity: int, left: int
) -> None:
    held = hold(client, giver, need).json["id"]
    pledge = offer(database, pledger_id=giver.id)
    claim = {"need_id": str(need.need_id), "pledge_id": str(pledge.pledge_id), "quantity": quantity}
    assert client.post("/v1/claims", claim, by=giver).status_code == 201
    assert client.get(f"/v1/holds/{held}", by=giver).json["state"] == "used"
    assert [event.quantity for event in told(database, MatchAccepted)] == [quantity]
    assert rest_of(database, need) == left


def test_a_released_hold_frees_its_units_for_the_matcher(client: Client, database: RolledBack, need: NeedPublished, giver: Person) -> None:
    held = hold(client, giver, need, 50).json["id"]
    offer(database, quantity=100)
    assert clear(database) == 0
    assert client.post(f"/v1/holds/{held}/release", by=giver).json["state"] == "released"
    assert clear(database) == 1
    assert client.post(f"/v1/holds/{held}/release", by=giver).json["code"] == "state_conflict"


def test_an_expired_hold_frees_its_units_a_little_later(client: Client, database: RolledBack, need: NeedPublished, giver: Person) -> None:
    held = hold(client, giver, need).json["id"]
    let_pass(database, rules.LASTS + timedelta(seconds=1))
    assert client.get(f"/v1/holds/{held}", by=giver).json["state"] == "expired"
    with database.begin() as session:
        assert holds.expire_holds(session) == 0
    let_pass(database, rules.KEPT_AFTER)
    with database.begin() as session:
        assert (holds.expire_holds(session), holds.expire_holds(session)) == (1, 0)
    assert rest_of(database, need) == 50


def test_an_expired_hold_does_not_serve_a_claim(client: Client, database: RolledBack, need: NeedPublished, giver: Person) -> None:
    hold(client, giver, need, 50)
    let_pass(database, rules.LASTS + timedelta(seconds=1))
    pledge = offer(database, pledger_id=giver.id)
    claim = {"need_id": str(need.need_id), "pledge_id": str(pledge.pledge_id), "quantity": 50}
    assert client.post("/v1/claims", claim, by=giver).json["code"] == "not_enough"


def test_another_hold_of_the_same_giver_ends_the_former(client: Client, database: RolledBack, need: NeedPublished, giver: Person) -> None:
    other = published()
    with database.begin() as session:
        intake.book_needs(session, [other])
    first = hold(client, giver, need).json["id"]
    assert hold(client, giver, other, 51).json["code"] == "not_enough"
    assert client.get(f"/v1/holds/{first}", by=giver).json["state"] == "open"
    assert hold(client, giver, other).status_code == 201
    assert client.get(f"/v1/holds/{first}", by=giver).json["state"] == "released"
    assert (rest_of(database, need), rest_of(database, other)) == (50, 30)
    assert [one["state"] for one in client.get("/v1/holds", by=giver).json["items"]] == ["open", "released"]


def test_a_giver_opens_twenty_holds_within_a_day(client: Client, database: RolledBack, need: NeedPublished, giver: Person) -> None:
    for _ in range(rules.MOST_A_DAY):
        assert hold(client, giver, need).status_code == 201
    refused = hold(client, giver, need)
    assert (refused.status_code, refused.json["code"], refused.json["limit"]["most"]) == (429, "too_many_holds", rules.MOST_A_DAY)
    assert int(refused.headers["Retry-After"]) > 80_000
    let_pass(database, rules.DAY)
    assert hold(client, giver, need).status_code == 201


def test_a_hold_is_its_giver_s_alone(client: Client, need: NeedPublished, giver: Person) -> None:
    held = hold(client, giver, need).json["id"]
    stranger = Person("merchant")
    assert client.get(f"/v1/holds/{held}", by=stranger).status_code == 404
    assert client.post(f"/v1/holds/{held}/release", by=stranger).status_code == 404
    assert client.get("/v1/holds", by=stranger).json["items"] == []
    assert hold(client, Person("household"), need).status_code == 403


def test_what_cannot_be_held_is_refused(client: Client, database: RolledBack, need: NeedPublished, giver: Person) -> None:
    assert hold(client, giver, published()).json["code"] == "unknown_need"
    assert hold(client, giver, need, 51).json["code"] == "not_enough"
    assert hold(client, giver, need, 0).status_code == 422
    with database.begin() as session:
        intake.end_needs(session, [withdrawn(need)])
    assert hold(client, giver, need).json["code"] == "not_enough"


def test_a_hold_on_a_need_that_ends_frees_nothing(client: Client, database: RolledBack, need: NeedPublished, giver: Person) -> None:
    hold(client, giver, need)
    with database.begin() as session:
        intake.end_needs(session, [withdrawn(need)])
    let_pass(database, rules.LASTS + rules.KEPT_AFTER + timedelta(seconds=1))
    with database.begin() as session:
        assert holds.expire_holds(session) == 1
    assert rest_of(database, need) == 0
    assert found_faults(database) == []


LOST = "DELETE FROM holds"


@pytest.mark.parametrize("what_happens", ["", unguarded(LOST, "without the row of the hold its units are missing")])
def test_the_audit_counts_what_is_held(client: Client, database: RolledBack, need: NeedPublished, giver: Person, what_happens: str) -> None:
    hold(client, giver, need)
    if what_happens:
        with database.begin() as session:
            session.execute(text(what_happens))
    assert found_faults(database) == []


def test_opening_is_judged_by_rest_and_by_the_day() -> None:
    at, need = now(), Need(ended=False, rest=5)
    assert rules.find_opening_problem(need, 5, rules.MOST_A_DAY - 1, at, at) is None
    for quantity, opened, code in ((6, 0, "not_enough"), (1, rules.MOST_A_DAY, "too_many_holds")):
        problem = rules.find_opening_problem(need, quantity, opened, at, at)
        assert problem is not None
        assert problem.code == code
