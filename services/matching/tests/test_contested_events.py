"""Reliability events do not count while their match is disputed or their appeal waits."""

from typing import Any

import pytest
from sqlalchemy import text

from chassis.testing.fixtures import Client, Person, RolledBack, administrator_of
from chassis.testing.twins import unguarded
from matching.reliability import actions as reliability

from .conftest import VILLAGE
from .test_closing import DISPUTE
from .test_delivery import SENDING, Promise
from .test_holds import found_faults

DECIDERS = (VILLAGE[:9], VILLAGE[:6])


@pytest.fixture
def received(client: Client, database: RolledBack) -> Promise:
    promise = Promise(client, database)
    promise.does("sending", SENDING, promise.giver)
    promise.does("receipt", {"quantity": 10, "reason": "short"}, promise.household)
    return promise


def evidence(database: RolledBack, person: Person) -> tuple[float, float]:
    with database.begin() as session:
        row = session.execute(text("SELECT good, bad FROM reliabilities WHERE person_id = :id"), {"id": person.id}).one_or_none()
    return (row.good, row.bad) if row else (0, 0)


def settle(received: Promise, database: RolledBack, dispute: str) -> None:
    town, county = (administrator_of(database, region) for region in DECIDERS)
    for act, body, by in (
        ("answer", {"outcome": "dismissed", "answer": "清点过"}, town),
        ("raising", {}, received.household),
        ("settlement", {"outcome": "dismissed", "ruling": "一袋不少"}, county),
    ):
        assert received.client.post(f"/v1/disputes/{dispute}/{act}", body, by=by).status_code == 201


def nothing(*_: Any) -> None:
    """Suspend nothing."""


@pytest.mark.parametrize("update", [reliability.update_suspensions, unguarded(nothing, "without suspension a disputed mark counts")])
def test_a_disputed_delivery_counts_after_the_settlement(
    received: Promise, database: RolledBack, monkeypatch: pytest.MonkeyPatch, update: Any
) -> None:
    monkeypatch.setattr(reliability, "update_suspensions", update)
    good, bad = evidence(database, received.giver)
    assert 0 < good < bad
    dispute = received.client.post(f"{received.path}/dispute", DISPUTE, by=received.giver).json["id"]
    assert evidence(database, received.giver) == pytest.approx((0, 0), abs=1e-9)
    assert received.client.get("/v1/reliability", by=received.giver).json["percent"] == 80
    assert [mark["suspended"] for mark in received.client.get("/v1/marks", by=received.giver).json["items"]] == [True]
    assert found_faults(database) == []
    settle(received, database, dispute)
    assert evidence(database, received.giver) == pytest.approx((good, bad))
    assert found_faults(database) == []


def test_ratings_given_during_a_dispute_count_after_it(received: Promise, database: RolledBack) -> None:
    dispute = received.client.post(f"{received.path}/dispute", DISPUTE, by=received.giver).json["id"]
    for by in (received.giver, received.household):
        assert received.client.post(f"{received.path}/rating", {"stars": 1}, by=by).status_code == 201
    assert evidence(database, received.giver) == pytest.approx((0, 0), abs=1e-9)
    settle(received, database, dispute)
    good, bad = evidence(database, received.giver)
    assert good > 0
    assert bad > good
    kinds = {mark["kind"]: mark["suspended"] for mark in received.client.get("/v1/marks", by=received.giver).json["items"]}
    assert kinds == {"delivery": False, "rating": False}
    assert found_faults(database) == []


@pytest.mark.parametrize("outcome", ["upheld", "dismissed"])
def test_an_appealed_mark_does_not_count_while_it_waits(received: Promise, database: RolledBack, outcome: str) -> None:
    before = evidence(database, received.giver)
    [mark] = received.client.get("/v1/marks", by=received.giver).json["items"]
    appeal = received.client.post(f"/v1/marks/{mark['id']}/appeal", {"text": "一件不少"}, by=received.giver).json
    assert evidence(database, received.giver) == pytest.approx((0, 0), abs=1e-9)
    county = administrator_of(database, VILLAGE[:6])
    decision = {"outcome": outcome, "answer": "已核实"}
    assert received.client.post(f"/v1/appeals/{appeal['id']}/decision", decision, by=county).status_code == 201
    assert evidence(database, received.giver) == pytest.approx((0, 0) if outcome == "upheld" else before, abs=1e-9)
    assert found_faults(database) == []


def test_what_was_contested_before_is_suspended_by_a_timer(received: Promise, database: RolledBack) -> None:
    received.client.post(f"{received.path}/dispute", DISPUTE, by=received.giver)
    with database.begin() as session:
        session.execute(text("UPDATE marks SET suspended = false"))
        session.execute(text("UPDATE reliabilities SET good = 1e9, bad = 1e9"))
        reliability.record_missed_events(session)
        assert session.scalar(text("SELECT bool_and(suspended) FROM marks"))
