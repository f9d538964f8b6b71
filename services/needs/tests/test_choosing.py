"""Pledges that their givers direct: the time to choose, a chosen need, best-before dates, and goods that came back."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import update

from chassis.data.database import new_id, now
from chassis.testing.fixtures import Client, Person, RolledBack
from contracts.matching import ClaimFailed, MatchAccepted, MatchClosed, MatchReceived
from contracts.needs import PledgeChanged, PledgeOffered
from needs import actions
from needs.choosing import actions as choosing
from needs.model import Pledge

from .conftest import VILLAGE, offer, pending, rice


def later(**time: float) -> str:
    return (datetime.now(UTC) + timedelta(**time)).isoformat()


@pytest.fixture
def need(client: Client, household: UUID, village: Person, town: Person) -> str:
    """A published need of fifty kilograms of rice."""
    posted = client.post("/v1/needs", rice(household_id=str(household), consent="slip"), by=village).json["id"]
    assert client.post(f"/v1/needs/{posted}/verification", by=town).status_code == 201
    return str(posted)


def tell(database: RolledBack, kind: type[Any], pledge: str, version: int, **more: Any) -> Any:
    at = datetime.now(UTC)
    stated = {
        "version": version, "match_id": new_id(), "need_id": new_id(), "pledge_id": UUID(pledge), "household_id": new_id(),
        "account_id": None, "poster_id": new_id(), "pledger_id": new_id(), "region": VILLAGE,
        "category": "food.rice", "unit": "kg", "quantity": 30,
    }  # fmt: skip
    times: dict[type[Any], dict[str, Any]] = {
        MatchAccepted: {"chosen": "claim", "accepted_at": at},
        MatchReceived: {"sent": 30, "received": 30, "difference": None, "confirmed": "signed_in", "received_at": at},
        MatchClosed: {"sent": 0, "received": 0, "reason": "giver_withdrew", "closed_at": at},
    }
    event = kind(**stated | times[kind] | more)
    with database.begin() as session:
        actions.record_matches(session, [event])
    return event


def test_an_offer_tells_until_when_its_giver_chooses(client: Client, database: RolledBack, donor: Person) -> None:
    until = later(hours=71)
    pledge = client.post("/v1/pledges", offer(choose_until=until, limit_per_household=5), by=donor).json
    assert (pledge["choose_until"][:16], pledge["limit_per_household"], pledge["claims"]) == (until[:16], 5, None)
    [event] = pending(database)
    assert isinstance(event, PledgeOffered)
    assert event.choose_until == datetime.fromisoformat(until)
    assert (event.limit_per_household, event.pledger_kind) == (5, "donor")


def test_nobody_chooses_longer_than_three_days(client: Client, donor: Person) -> None:
    assert client.post("/v1/pledges", offer(choose_until=later(hours=73)), by=donor).json["code"] == "choose_until_wrong"
    pledge = client.post("/v1/pledges", offer(), by=donor).json["id"]
    assert client.patch(f"/v1/pledges/{pledge}", {"choose_until": later(hours=73)}, by=donor).json["code"] == "choose_until_wrong"


def test_a_change_ends_the_choice(client: Client, database: RolledBack, donor: Person) -> None:
    pledge = client.post("/v1/pledges", offer(choose_until=later(hours=1)), by=donor).json["id"]
    assert client.patch(f"/v1/pledges/{pledge}", {"choose_until": later(seconds=-1)}, by=donor).status_code == 202
    event = pending(database)[-1]
    assert isinstance(event, PledgeChanged)
    assert event.choose_until is not None
    assert event.choose_until <= now()


def test_an_offer_for_a_chosen_need_waits_for_matching(client: Client, database: RolledBack, donor: Person, need: str) -> None:
    pledge = client.post("/v1/pledges", offer(claims=need, claimed=20), by=donor).json
    assert (pledge["claims"], pledge["claim_state"]) == (need, "waiting")
    event = pending(database)[-1]
    assert isinstance(event, PledgeOffered)
    assert (str(event.claims), event.claimed) == (need, 20)
    tell(database, MatchAccepted, pledge["id"], 1, need_id=UUID(need))
    assert client.get(f"/v1/pledges/{pledge['id']}", by=donor).json["claim_state"] == "accepted"


def test_a_failed_claim_says_why_and_the_pledge_stays(client: Client, database: RolledBack, donor: Person, need: str) -> None:
    pledge = client.post("/v1/pledges", offer(claims=need), by=donor).json["id"]
    failed = ClaimFailed(
        version=1, pledge_id=UUID(pledge), need_id=UUID(need), pledger_id=donor.id, category="food.rice", unit="kg", reason="not_enough",
        failed_at=now(),
    )  # fmt: skip
    with database.begin() as session:
        choosing.record_failed_claims(session, [failed, failed])
    shown = client.get(f"/v1/pledges/{pledge}", by=donor).json
    assert (shown["claim_state"], shown["claim_problem"], shown["open"]) == ("failed", "not_enough", 100)


@pytest.mark.parametrize(
    ("changes", "code"),
    [({"category": "clothing.quilt", "unit": "piece"}, "does_not_fit"), ({"region": "33"}, "does_not_fit"),
     ({"claims": str(new_id())}, "unknown_need"), ({"claimed": 0}, "invalid")],
)  # fmt: skip
def test_a_claim_that_cannot_be_is_refused(client: Client, donor: Person, need: str, changes: dict[str, Any], code: str) -> None:
    answer = client.post("/v1/pledges", offer(**{"claims": need} | changes), by=donor)
    assert (answer.status_code, answer.json["code"]) == (422, code)


def test_nobody_else_sees_what_a_giver_chose(client: Client, donor: Person, need: str) -> None:
    client.post("/v1/pledges", offer(claims=need), by=donor)
    [shown] = client.get("/v1/pledges").json["items"]
    assert [shown[name] for name in ("claims", "claim_state", "again_of", "pledger_id")] == [None] * 4


def test_perishable_goods_are_matched_in_time(client: Client, donor: Person) -> None:
    best_before = datetime.now(UTC) + timedelta(days=20)
    pledge = client.post("/v1/pledges", offer(best_before=best_before.isoformat()), by=donor).json
    assert datetime.fromisoformat(pledge["valid_until"]) == best_before - timedelta(days=5)
    assert client.post("/v1/pledges", offer(best_before=later(days=4)), by=donor).json["code"] == "best_before_too_near"


def test_what_came_back_is_offered_again_in_one_act(client: Client, database: RolledBack, donor: Person) -> None:
    pledge = client.post("/v1/pledges", offer(limit_per_household=7), by=donor).json["id"]
    received = tell(database, MatchReceived, pledge, 3, received=10, difference="refused")
    answer = client.post("/v1/pledges/again", {"match_id": str(received.match_id), "quantity": 15}, by=donor)
    assert (answer.status_code, answer.json["quantity"], answer.json["again_of"]) == (201, 15, str(received.match_id))
    assert (answer.json["category"], answer.json["limit_per_household"], answer.json["open"]) == ("food.rice", 7, 15)
    assert isinstance(pending(database)[-1], PledgeOffered)
    assert client.post("/v1/pledges/again", {"match_id": str(received.match_id)}, by=donor).json["quantity"] == 5
    assert client.post("/v1/pledges/again", {"match_id": str(received.match_id)}, by=donor).json["code"] == "nothing_came_back"


def test_only_its_giver_offers_again_what_came_back(client: Client, database: RolledBack, donor: Person) -> None:
    pledge = client.post("/v1/pledges", offer(), by=donor).json["id"]
    received = tell(database, MatchReceived, pledge, 3, received=10, difference="refused")
    assert client.post("/v1/pledges/again", {"match_id": str(received.match_id)}, by=Person("donor")).status_code == 404
    assert client.post("/v1/pledges/again", {"match_id": str(new_id())}, by=donor).status_code == 404
    whole = tell(database, MatchReceived, pledge, 3)
    assert client.post("/v1/pledges/again", {"match_id": str(whole.match_id)}, by=donor).json["code"] == "nothing_came_back"


@pytest.mark.parametrize("is_over", [True, False])
def test_unsent_units_come_back_only_from_an_ended_pledge(client: Client, database: RolledBack, donor: Person, is_over: bool) -> None:
    pledge = client.post("/v1/pledges", offer(), by=donor).json["id"]
    closed = tell(database, MatchClosed, pledge, 3)
    if is_over:
        with database.begin() as session:
            session.execute(update(Pledge).values(valid_until=now() - timedelta(hours=1)))
    answer = client.post("/v1/pledges/again", {"match_id": str(closed.match_id)}, by=donor)
    assert (answer.status_code, answer.json.get("quantity")) == ((201, 30) if is_over else (409, None))
    if is_over:
        assert datetime.fromisoformat(answer.json["valid_until"]) > now() + timedelta(days=29)


def test_a_used_up_pledge_leaves_the_list_and_returns(client: Client, database: RolledBack, donor: Person) -> None:
    pledge = client.post("/v1/pledges", offer(quantity=30), by=donor).json["id"]
    accepted = tell(database, MatchAccepted, pledge, 2)
    assert client.get("/v1/pledges").json["items"] == []
    assert [one["id"] for one in client.get("/v1/pledges/mine", by=donor).json["items"]] == [pledge]
    client.patch(f"/v1/pledges/{pledge}", {"quantity": 40}, by=donor)
    assert [one["id"] for one in client.get("/v1/pledges").json["items"]] == [pledge]
    client.patch(f"/v1/pledges/{pledge}", {"quantity": 30}, by=donor)
    assert client.get("/v1/pledges").json["items"] == []
    tell(database, MatchClosed, pledge, 3, match_id=accepted.match_id)
    assert [one["id"] for one in client.get("/v1/pledges").json["items"]] == [pledge]
