"""The size of a household in its events: as stated, at least its people; it follows those who leave, split off and come together."""

from importlib import import_module
from typing import Any

import pytest
from sqlalchemy import text

from chassis.testing.fixtures import Client, Person, RolledBack
from contracts.users import HouseholdChanged, HouseholdMoved, HouseholdRegistered
from users.snapshots import SNAPSHOTS

from .conftest import national_id, pending
from .test_members import add, register


def sizes(database: RolledBack, household: dict[str, Any]) -> list[int | None]:
    """List the sizes that the events of a household state, in the order of its versions."""
    told = [one for one in pending(database) if isinstance(one, HouseholdRegistered | HouseholdChanged | HouseholdMoved)]
    return [one.size for one in sorted(told, key=lambda one: one.version) if str(one.household_id) == household["id"]]


def test_events_state_the_size_and_nothing_else(client: Client, database: RolledBack, village: Person) -> None:
    stated, unknown = register(client, village, size=4), register(client, village)
    assert (sizes(database, stated), sizes(database, unknown)) == ([4], [None])
    client.patch(f"/v1/households/{stated['id']}", {"size": 6}, by=village)
    add(client, village, unknown["id"])
    assert (sizes(database, stated), sizes(database, unknown)) == ([4, 6], [None, 2])


def test_size_follows_members_who_leave(client: Client, database: RolledBack, village: Person) -> None:
    made = register(client, village, size=4)
    son = add(client, village, made["id"], relation="child", national_id=national_id("19750607")).json
    gone = add(client, village, made["id"]).json
    assert client.post(f"/v1/household-members/{gone['id']}/leaving", {"reason": "died"}, by=village).status_code == 201
    client.post("/v1/households/splits", {"household_id": made["id"], "head_id": son["id"]}, by=village)
    assert sizes(database, made) == [4, 4, 4, 3, 2]


def test_sizes_of_two_households_add_up(client: Client, database: RolledBack, village: Person) -> None:
    old, into = register(client, village, size=3), register(client, village, size=2)
    assert client.post("/v1/households/merges", {"household_id": old["id"], "into_id": into["id"]}, by=village).json["size"] == 5
    assert (sizes(database, old), sizes(database, into)) == ([3], [2, 5])


def test_head_who_died_is_no_longer_counted(client: Client, database: RolledBack, village: Person) -> None:
    made = register(client, village, size=3)
    number = national_id("19750607")
    add(client, village, made["id"], name="欧阳青", relation="child", national_id=number)
    body = {"name": "欧阳青", "national_id": number, "former_head": "left", "reason": "died"}
    assert client.post(f"/v1/households/{made['id']}/head", body, by=village).json["size"] == 2
    assert sizes(database, made) == [3, 3, 2]


def test_ended_household_keeps_no_size(client: Client, database: RolledBack, village: Person) -> None:
    made = register(client, village, size=3)
    client.post(f"/v1/households/{made['id']}/end", {"reason": "died"}, by=village)
    with database.begin() as session:
        found = session.execute(
            text("SELECT published_size, (SELECT max(size) FILTER (WHERE version = 2) FROM household_versions) FROM households")
        )
        assert tuple(found.one()) == (None, None)


@pytest.mark.parametrize("edition", [1, 2])
def test_sizes_are_retold_to_inboxes_that_know_the_rest(edition: int) -> None:
    of_households = {HouseholdRegistered, HouseholdChanged, HouseholdMoved}
    editions = {one.edition for one in SNAPSHOTS if (one.event in of_households) == (edition == 2)}
    assert editions == {edition}


def test_migration_counts_households_of_before_alike(client: Client, database: RolledBack, village: Person) -> None:
    made, small, unknown, over = (register(client, village, **more) for more in ({"size": 4}, {"size": 1}, {}, {"size": 3}))
    add(client, village, small["id"])
    client.post(f"/v1/households/{over['id']}/end", {"reason": "died"}, by=village)
    fill = import_module("users.migrations.versions.0025_household_sizes")
    with database.begin() as session:
        session.execute(text("UPDATE households SET published_size = NULL"))
        session.execute(text("UPDATE household_versions SET size = NULL"))
        last = fill.FIRST
        while last:
            last = session.scalar(fill._FILL, {"last": last, "slice": 2})
        rows = session.execute(text("SELECT id, published_size FROM households"))
        assert {str(row.id): row.published_size for row in rows} == {made["id"]: 4, small["id"]: 2, unknown["id"]: None, over["id"]: None}
        filled = session.execute(text("SELECT household_id, version, size FROM household_versions WHERE size IS NOT NULL ORDER BY size"))
        assert [(str(row[0]), row[1], row[2]) for row in filled] == [(small["id"], 2, 2), (made["id"], 1, 4)]
