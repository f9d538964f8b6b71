"""Money goes through registered charities alone, which proposals and matches name."""

from typing import Any

import pytest

from chassis.testing.fixtures import Client, Person, RolledBack
from chassis.testing.twins import unguarded
from contracts.matching import MatchAccepted, MatchProposed
from contracts.needs import NeedMoved
from matching.book.events import match_proposed
from matching.book.model import Match
from matching.intake import actions as intake
from matching.intake import moves

from .conftest import clear, offered, published, told

MONEY: dict[str, Any] = {"category": "money.living", "unit": "fen", "quantity": 50_000}


def meet(database: RolledBack, giver: Person, charity: str | None) -> int:
    """Let a need for money and a giver's pledge meet; return the number of proposals."""
    with database.begin() as session:
        intake.book_needs(session, [published(**MONEY, charity=charity)])
        intake.book_pledges(session, [offered(**MONEY, kind="money", pledger_id=giver.id)])
    return clear(database)


@pytest.mark.parametrize("is_guarded", [True, unguarded(False, "without the gate, private money is proposed to a person's appeal")])
def test_money_is_proposed_only_through_a_charity(database: RolledBack, monkeypatch: pytest.MonkeyPatch, is_guarded: bool) -> None:
    if not is_guarded:
        monkeypatch.setattr(intake, "lacks_charity", lambda event: False)
    assert meet(database, Person("donor"), None) == 0


def test_need_without_a_charity_cannot_be_claimed(client: Client, database: RolledBack) -> None:
    giver, need = Person("donor"), published(**MONEY)
    pledge = offered(**MONEY, kind="money", pledger_id=giver.id)
    with database.begin() as session:
        intake.book_needs(session, [need])
        intake.book_pledges(session, [pledge])
    body = {"need_id": str(need.need_id), "pledge_id": str(pledge.pledge_id), "quantity": 100}
    assert client.post("/v1/claims", body, by=giver).json["code"] == "not_enough"


def test_proposal_and_match_name_the_charity(client: Client, database: RolledBack) -> None:
    giver = Person("donor")
    assert meet(database, giver, "某县慈善会") == 1
    [proposed] = told(database, MatchProposed)
    assert proposed.charity == "某县慈善会"
    with database.begin() as session:
        assert match_proposed(session.get_one(Match, proposed.match_id)) == proposed
    match = f"/v1/matches/{proposed.match_id}"
    shown = client.get(match, by=giver).json
    assert (shown["charity"], shown["reasons"][1]["text"]) == ("某县慈善会", "可满足全部需求：生活补助 500 元")
    assert client.post(f"{match}/acceptance", by=giver).status_code == 201
    assert told(database, MatchAccepted)[0].charity == "某县慈善会"


def test_goods_name_no_charity(client: Client, database: RolledBack) -> None:
    giver = Person("donor")
    with database.begin() as session:
        intake.book_needs(session, [published()])
        intake.book_pledges(session, [offered(pledger_id=giver.id)])
    assert clear(database) == 1
    [proposed] = told(database, MatchProposed)
    assert proposed.charity is None
    assert client.get(f"/v1/matches/{proposed.match_id}", by=giver).json["charity"] is None


def test_moved_need_for_money_keeps_its_charity(database: RolledBack) -> None:
    need = published(**MONEY, charity="某县慈善会")
    stated = {name: getattr(need, name) for name in need.__struct_fields__}
    moved = NeedMoved(**stated | {"version": need.version + 1, "region": "510903001002", "moved_at": need.published_at})
    with database.begin() as session:
        intake.book_needs(session, [need])
        moves.move_needs(session, [moved])
        intake.book_pledges(session, [offered(**MONEY, kind="money")])
    assert clear(database) == 1
