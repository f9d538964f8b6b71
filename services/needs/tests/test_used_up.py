"""A pledge of which nothing is open leaves the list, and comes back when something is open again."""

from uuid import UUID

import pytest
from msgspec.structs import replace
from sqlalchemy import text

from chassis.data.database import new_id
from chassis.testing.fixtures import Client, Person, RolledBack
from contracts.generate import example_of
from contracts.matching import MatchAccepted, MatchLapsed, MatchProposed, PledgeReleased
from needs import actions

from .conftest import offer


def listed(client: Client) -> list[str]:
    return [one["id"] for one in client.get("/v1/pledges", category="food.rice").json["items"]]


def heard(database: RolledBack, kind: type[MatchProposed | MatchAccepted | MatchLapsed], pledge: str, version: int, match_id: UUID) -> None:
    event = replace(example_of(kind), pledge_id=UUID(pledge), match_id=match_id, version=version, quantity=60)
    with database.begin() as session:
        actions.record_matches(session, [event])


def test_used_up_pledge_leaves_the_list_until_something_is_open(client: Client, database: RolledBack, donor: Person) -> None:
    pledge = client.post("/v1/pledges", offer(quantity=100), by=donor).json["id"]
    first, second = new_id(), new_id()
    heard(database, MatchAccepted, pledge, 2, first)
    assert listed(client) == [pledge]
    heard(database, MatchProposed, pledge, 1, second)
    assert listed(client) == []
    assert client.get(f"/v1/pledges/{pledge}", by=donor).json["open"] == 0
    heard(database, MatchLapsed, pledge, 2, second)
    assert listed(client) == [pledge]


def test_quantity_of_a_pledge_decides_whether_it_is_used_up(client: Client, database: RolledBack, donor: Person) -> None:
    pledge = client.post("/v1/pledges", offer(quantity=100), by=donor).json["id"]
    heard(database, MatchAccepted, pledge, 2, new_id())
    for quantity, expected in ((60, []), (61, [pledge]), (10, []), (100, [pledge])):
        assert client.patch(f"/v1/pledges/{pledge}", {"quantity": quantity}, by=donor).status_code == 202
        assert listed(client) == expected, quantity
    answer = replace(example_of(PledgeReleased), pledge_id=UUID(pledge), version=1, answers=5, quantity=60, resting=False)
    with database.begin() as session:
        actions.record_releases(session, [answer])
    assert listed(client) == []


@pytest.mark.parametrize("state", ["withdrawn", "resting", "expired"])
def test_pledge_that_is_over_for_another_reason_stays_away(client: Client, database: RolledBack, donor: Person, state: str) -> None:
    pledge = client.post("/v1/pledges", offer(quantity=100), by=donor).json["id"]
    match_id = new_id()
    with database.begin() as session:
        session.execute(text(f"UPDATE pledges SET {state} = true"))
    heard(database, MatchProposed, pledge, 1, match_id)
    heard(database, MatchLapsed, pledge, 2, match_id)
    with database.begin() as session:
        assert session.scalar(text("SELECT count(*) FROM pledge_listings")) == 0
