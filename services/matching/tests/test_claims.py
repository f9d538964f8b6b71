"""Claims that come with the offer of a pledge: one call, one event, one match; repeated events claim nothing twice."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from chassis.data.database import new_id, now
from chassis.testing.fixtures import Client, Person, RolledBack
from contracts.matching import ClaimFailed, MatchAccepted, MatchProposed
from contracts.needs import NeedPublished, PledgeOffered
from matching.book.labels import STATES
from matching.holds import rules
from matching.intake import actions as intake
from matching.matches.actions import claims

from .conftest import changed, clear, offered, published, told, withdrawn
from .test_holds import found_faults, hold, let_pass, rest_of


@pytest.fixture
def need(database: RolledBack) -> NeedPublished:
    need = published()
    with database.begin() as session:
        intake.book_needs(session, [need])
    return need


@pytest.fixture
def giver() -> Person:
    return Person("donor")


def hear(database: RolledBack, *events: PledgeOffered) -> None:
    with database.begin() as session:
        claims.book_and_claim(session, events)


def offered_for(need: NeedPublished, giver: Person, **changes: Any) -> PledgeOffered:
    return offered(**{"pledger_id": giver.id, "claims": need.need_id, "pledger_kind": "donor", "quantity": 30} | changes)


def rest_of_pledge(database: RolledBack, pledge: PledgeOffered) -> int:
    with database.begin() as session:
        return int(session.scalar(text("SELECT rest FROM pledges WHERE id = :id"), {"id": pledge.pledge_id}) or 0)


def test_an_offer_for_a_held_need_is_accepted_at_once(client: Client, database: RolledBack, need: NeedPublished, giver: Person) -> None:
    held = hold(client, giver, need, 30).json["id"]
    pledge = offered_for(need, giver)
    hear(database, pledge)
    [event] = told(database, MatchAccepted)
    assert (event.need_id, event.pledge_id, event.quantity, event.chosen) == (need.need_id, pledge.pledge_id, 30, "claim")
    assert client.get(f"/v1/holds/{held}", by=giver).json["state"] == "used"
    [claim] = client.get("/v1/claims", by=giver, need_id=str(need.need_id)).json["items"]
    assert (claim["id"], claim["state"]) == (str(event.match_id), "accepted")
    assert (rest_of(database, need), rest_of_pledge(database, pledge), found_faults(database)) == (20, 0, [])


def test_a_repeated_offer_claims_nothing_again(client: Client, database: RolledBack, need: NeedPublished, giver: Person) -> None:
    pledge = offered_for(need, giver, quantity=60, claimed=10)
    hear(database, pledge)
    hear(database, pledge)
    hear(database, pledge, offered())
    assert [event.quantity for event in told(database, MatchAccepted)] == [10]
    assert (rest_of(database, need), rest_of_pledge(database, pledge)) == (40, 50)


def test_an_offer_for_more_than_is_left_gives_what_is_left(database: RolledBack, need: NeedPublished, giver: Person) -> None:
    pledge = offered_for(need, giver, quantity=80)
    hear(database, pledge)
    assert [event.quantity for event in told(database, MatchAccepted)] == [50]
    assert rest_of_pledge(database, pledge) == 30


def test_an_offer_made_in_time_is_served_when_it_arrives_late(
    client: Client, database: RolledBack, need: NeedPublished, giver: Person
) -> None:
    hold(client, giver, need, 50)
    pledge = offered_for(need, giver, quantity=50, offered_at=now())
    with database.begin() as session:
        session.execute(text("UPDATE holds SET expires_at = :at"), {"at": pledge.offered_at})
    hear(database, pledge)
    assert len(told(database, MatchAccepted)) == 1


def test_an_offer_after_its_hold_fails_and_stays_open(client: Client, database: RolledBack, need: NeedPublished, giver: Person) -> None:
    hold(client, giver, need, 50)
    let_pass(database, rules.LASTS + timedelta(minutes=1))
    pledge = offered_for(need, giver)
    hear(database, pledge)
    [failed] = told(database, ClaimFailed)
    assert (failed.pledge_id, failed.need_id, failed.reason) == (pledge.pledge_id, need.need_id, "not_enough")
    assert (told(database, MatchAccepted), rest_of_pledge(database, pledge), found_faults(database)) == ([], 30, [])


@pytest.mark.parametrize(
    ("changes", "reason"),
    [({"category": "clothing"}, "does_not_fit"), ({"unit": "box"}, "does_not_fit"), ({"region": "33"}, "does_not_fit"),
     ({"claims": new_id()}, "need_over")],
)  # fmt: skip
def test_an_offer_that_cannot_go_there_says_why(
    database: RolledBack, need: NeedPublished, giver: Person, changes: dict[str, Any], reason: str
) -> None:
    hear(database, offered_for(need, giver, **changes))
    assert [event.reason for event in told(database, ClaimFailed)] == [reason]


def test_an_offer_for_a_need_that_ended_says_so(database: RolledBack, need: NeedPublished, giver: Person) -> None:
    with database.begin() as session:
        intake.end_needs(session, [withdrawn(need)])
    hear(database, offered_for(need, giver))
    assert [event.reason for event in told(database, ClaimFailed)] == ["need_over"]


def test_of_two_offers_for_the_last_units_one_gets_them(database: RolledBack, need: NeedPublished) -> None:
    first, second = (offered_for(need, Person("donor"), quantity=50) for _ in range(2))
    hear(database, first, second)
    assert [event.quantity for event in told(database, MatchAccepted)] == [50]
    assert len(told(database, ClaimFailed)) == 1
    assert rest_of(database, need) == 0


def test_matches_are_listed_by_need(client: Client, database: RolledBack, need: NeedPublished, giver: Person) -> None:
    other = published()
    with database.begin() as session:
        intake.book_needs(session, [other])
    hear(database, offered_for(need, giver, quantity=5), offered_for(other, giver, quantity=5))
    assert len(client.get("/v1/matches", by=giver).json["items"]) == 2
    [shown] = client.get("/v1/matches", by=giver, need_id=str(other.need_id), state="accepted").json["items"]
    assert (shown["need_id"], set(STATES) >= {shown["state"]}) == (str(other.need_id), True)
    assert client.get("/v1/claims", by=giver, need_id=str(new_id())).json["items"] == []


def test_a_proposal_accepted_is_no_claim(client: Client, database: RolledBack, need: NeedPublished, giver: Person) -> None:
    hear(database, offered(pledger_id=giver.id))
    clear(database)
    [proposed] = told(database, MatchProposed)
    assert client.post(f"/v1/matches/{proposed.match_id}/acceptance", {}, by=giver).status_code == 201
    assert client.get("/v1/claims", by=giver).json["items"] == []


def passes_by(database: RolledBack, pledge: PledgeOffered) -> bool:
    clear(database)
    return not [event for event in told(database, MatchProposed) if event.pledge_id == pledge.pledge_id]


def test_the_matcher_passes_by_while_the_giver_chooses(database: RolledBack, need: NeedPublished) -> None:
    pledge = offered(choose_until=now() + timedelta(hours=1))
    hear(database, pledge)
    assert passes_by(database, pledge)
    with database.begin() as session:
        assert intake.end_choosing(session) == 0
        session.execute(text("UPDATE pledges SET choose_until = now() - interval '1 second'"))
        assert (intake.end_choosing(session), intake.end_choosing(session)) == (1, 0)
    assert not passes_by(database, pledge)
    assert found_faults(database) == []


def test_a_chooser_claims_with_a_pledge_that_waits(client: Client, database: RolledBack, need: NeedPublished, giver: Person) -> None:
    pledge = offered(pledger_id=giver.id, choose_until=now() + timedelta(hours=1))
    hear(database, pledge)
    claim = {"need_id": str(need.need_id), "pledge_id": str(pledge.pledge_id), "quantity": 50}
    assert client.post("/v1/claims", claim, by=giver).status_code == 201


def test_a_change_may_end_the_choice(database: RolledBack, need: NeedPublished) -> None:
    pledge = offered(choose_until=now() + timedelta(hours=1))
    hear(database, pledge)
    with database.begin() as session:
        intake.change_pledge(session, changed(pledge, choose_until=now() - timedelta(seconds=1)))
    assert not passes_by(database, pledge)
