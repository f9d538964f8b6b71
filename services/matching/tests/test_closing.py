"""A delivery ends when the household's side agrees, or by itself two weeks after the receipt; until then it may be disputed."""

from datetime import timedelta

import pytest
from sqlalchemy import text

from chassis.testing.fixtures import Client, RolledBack, administrator_of
from chassis.testing.twins import unguarded
from contracts.matching import MatchClosed
from matching.book import rules
from matching.matches.actions import delivery

from .conftest import VILLAGE, told
from .test_delivery import SENDING, Promise

DISPUTE = {"cause": "less_than_said", "text": "少了两袋"}
OVER = rules.DISPUTED_WITHIN + timedelta(minutes=1)


@pytest.fixture
def received(client: Client, database: RolledBack) -> Promise:
    promise = Promise(client, database)
    assert promise.does("sending", SENDING, promise.giver) == (201, "sent")
    assert promise.does("receipt", {"quantity": 40, "reason": "short"}, promise.household) == (201, "received")
    return promise


def let_pass(database: RolledBack, time: timedelta) -> None:
    with database.begin() as session:
        session.execute(text("UPDATE matches SET close_at = close_at - :time"), {"time": time})


def close_by_itself(database: RolledBack) -> int:
    with database.begin() as session:
        return delivery.close_received_matches(session)


@pytest.mark.parametrize("within", [rules.DISPUTED_WITHIN, unguarded(-timedelta(days=1), "without the time to dispute the giver closes")])
def test_a_giver_cannot_close_while_it_may_be_disputed(
    client: Client, database: RolledBack, monkeypatch: pytest.MonkeyPatch, within: timedelta
) -> None:
    monkeypatch.setattr(delivery, "DISPUTED_WITHIN", within)
    promise = Promise(client, database)
    promise.does("sending", SENDING, promise.giver)
    promise.does("receipt", {}, promise.household)
    assert promise.does("closing", {}, promise.giver) == (409, "still_disputable")
    assert told(database, MatchClosed) == []
    assert promise.does("dispute", DISPUTE, promise.household)[0] == 201


def test_the_household_s_side_closes_by_agreeing(received: Promise, database: RolledBack) -> None:
    assert received.does("closing", {}, received.agent) == (201, "closed")
    assert [event.reason for event in told(database, MatchClosed)] == ["partly_delivered"]


def test_it_closes_by_itself_when_the_time_is_over(received: Promise, database: RolledBack) -> None:
    assert close_by_itself(database) == 0
    let_pass(database, OVER)
    assert (close_by_itself(database), close_by_itself(database)) == (1, 0)
    [closed] = told(database, MatchClosed)
    assert (closed.reason, closed.received) == ("partly_delivered", 40)
    assert received.client.get(received.path, by=received.giver).json["state"] == "closed"


def test_nobody_disputes_when_the_time_is_over(received: Promise, database: RolledBack) -> None:
    let_pass(database, OVER)
    assert received.does("dispute", DISPUTE, received.household) == (409, "dispute_time_over")
    assert "dispute_match" not in received.client.get(received.path, by=received.household).json["allowed"]
    assert received.does("closing", {}, received.giver) == (201, "closed")


def test_an_open_dispute_keeps_it_from_closing_by_itself(received: Promise, database: RolledBack) -> None:
    dispute = received.client.post(f"{received.path}/dispute", DISPUTE, by=received.household).json["id"]
    let_pass(database, OVER)
    assert close_by_itself(database) == 0
    town, county = administrator_of(database, VILLAGE[:9]), administrator_of(database, VILLAGE[:6])
    answer = {"outcome": "dismissed", "answer": "清点过，一袋不少"}
    assert received.client.post(f"/v1/disputes/{dispute}/answer", answer, by=town).status_code == 201
    assert received.client.post(f"/v1/disputes/{dispute}/raising", {}, by=received.household).status_code == 201
    ruling = {"outcome": "upheld", "ruling": "应补足"}
    assert received.client.post(f"/v1/disputes/{dispute}/settlement", ruling, by=county).status_code == 201
    assert close_by_itself(database) == 1


def test_receipts_of_before_close_by_themselves_too(received: Promise, database: RolledBack) -> None:
    with database.begin() as session:
        session.execute(text("UPDATE matches SET close_at = NULL"))
    assert close_by_itself(database) == 0
    with database.begin() as session:
        [left] = session.scalars(text("SELECT close_at - now() FROM matches"))
    assert timedelta(days=13) < left < timedelta(days=14, minutes=1)
