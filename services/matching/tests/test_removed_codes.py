"""Codes that a later catalogue or edition of the regions removed are still matched, and shown as they are."""

import pytest

from chassis.testing.fixtures import Client, Person, RolledBack, administrator_of
from chassis.wording import unknown_item
from contracts import regions
from contracts.matching import MatchProposed
from matching.balance import actions as balance
from matching.intake import actions as intake
from matching.slips.words import format_amount

from .conftest import clear, offered, published, told

ITEM, UNIT, REGION = "food.caviar", "caskful", "510903001999"
GONE = {"category": ITEM, "unit": UNIT, "quantity": 50}


@pytest.fixture
def agent(database: RolledBack) -> Person:
    return administrator_of(database, REGION)


@pytest.fixture
def giver(database: RolledBack, agent: Person) -> Person:
    """A giver whose pledge is proposed to one need and fits another."""
    assert not regions.known(REGION)
    giver = Person("donor")
    with database.begin() as session:
        intake.book_needs(session, [published(**GONE, region=REGION, poster_id=agent.id)])
        intake.book_pledges(session, [offered(**GONE | {"quantity": 80}, region=REGION[:9], pledger_id=giver.id)])
    assert clear(database) == 1
    with database.begin() as session:
        intake.book_needs(session, [published(**GONE, region=REGION)])
        while balance.update_balance(session):
            pass
    return giver


def test_match_of_a_removed_item_shows_its_code(client: Client, database: RolledBack, agent: Person, giver: Person) -> None:
    match = f"/v1/matches/{told(database, MatchProposed)[0].match_id}"
    for path, by in (("/v1/matches", giver), ("/v1/matches/managed", agent), (match, giver), (match, agent)):
        answer = client.get(path, by=by)
        assert answer.status_code == 200, (path, answer.json)
        [shown] = answer.json.get("items", [answer.json])
        assert (shown["category"], shown["unit"], shown["region"][:9]) == (ITEM, UNIT, REGION[:9])
        assert all(reason["text"] for reason in shown["reasons"])


def test_slip_of_a_removed_item_is_printed(client: Client, database: RolledBack, agent: Person, giver: Person) -> None:
    match = f"/v1/matches/{told(database, MatchProposed)[0].match_id}"
    assert client.post(f"{match}/acceptance", by=giver).status_code == 201
    slip = client.post(f"{match}/slip", by=agent)
    assert (slip.status_code, slip.data[:5]) == (201, b"%PDF-")
    words = [format_amount(unknown_item(ITEM), 50, UNIT, language) for language in ("zh-CN", "en")]
    assert words == [f"50 {UNIT} {ITEM}"] * 2


def test_removed_item_counts_in_the_balance(client: Client, giver: Person) -> None:
    stands = client.get("/v1/balance", category=ITEM, region=REGION[:9])
    assert (stands.status_code, [line["unit"] for line in stands.json["units"]]) == (200, [UNIT])
    [wanting] = client.get("/v1/balance/wanting", category=ITEM).json["items"]
    assert (wanting["category"], wanting["unit"], wanting["region"], wanting["waiting_needs"]) == (ITEM, UNIT, REGION[:6], 1)
