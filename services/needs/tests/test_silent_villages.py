"""Villages with registered households that post nothing are noticed, once for each silence."""

from typing import Any

import pytest
from sqlalchemy import text

from chassis.testing.fixtures import Client, Person, RolledBack, administrator_of, auditor_of
from chassis.testing.twins import altered, unguarded
from contracts.needs import VillageFellSilent
from needs.life import actions
from needs.snapshots import SNAPSHOTS

from .conftest import VILLAGE, household_in, pending, rice


@pytest.fixture
def home(database: RolledBack) -> Person:
    person = Person("household")
    household_in(database, VILLAGE, person)
    return person


def pass_days(database: RolledBack, days: int) -> None:
    with database.begin() as session:
        for column in ("needs.posted_at", "villages.known_since", "villages.checked_at", "villages.silent_since"):
            table, name = column.split(".")
            session.execute(text(f"UPDATE {table} SET {name} = {name} - make_interval(days => :days)"), {"days": days})
        actions.check_villages(session)


def told(database: RolledBack) -> list[Any]:
    return [event for event in pending(database) if isinstance(event, VillageFellSilent)]


ONCE = "village.told_at is None or village.silent_since != last"


@pytest.mark.parametrize("guard", [ONCE, unguarded("True", "without the guard, each day tells of the same silence")])
def test_silence_is_told_once_to_the_township(
    client: Client, database: RolledBack, home: Person, town: Person, monkeypatch: pytest.MonkeyPatch, guard: str
) -> None:
    monkeypatch.setattr(actions, "check_villages", altered(actions.check_villages, ONCE, guard))
    pass_days(database, 30)
    client.post("/v1/needs", rice(), by=home)
    pass_days(database, 59)
    assert told(database) == []
    for _ in range(2):
        pass_days(database, 2)
    assert [(event.village, event.region, event.version) for event in told(database)] == [(VILLAGE, VILLAGE[:9], 1)]
    [listed] = client.get("/v1/silent-villages", by=town).json["items"]
    assert (listed["region"], listed["silent_since"]) == (VILLAGE, listed["last_posted_at"])
    with database.begin() as session:
        [(_, republished)] = [row for one in SNAPSHOTS if one.event is VillageFellSilent for row in one.page(session, None, limit=9)]
    assert (republished.subject, republished.version) == (told(database)[0].subject, 1)
    client.post("/v1/needs", rice(), by=home)
    assert client.get("/v1/silent-villages", by=town).json["items"] == []
    pass_days(database, 2)
    pass_days(database, 60)
    assert [event.version for event in told(database)] == [1, 2]


def test_village_that_never_posted_is_silent_after_a_time(client: Client, database: RolledBack, home: Person) -> None:
    pass_days(database, 61)
    county = administrator_of(database, VILLAGE[:6])
    [listed] = client.get("/v1/silent-villages", by=county, region=VILLAGE[:9]).json["items"]
    assert listed["last_posted_at"] is None
    assert len(told(database)) == 1
    for other in (administrator_of(database, "510923"), Person("staff")):
        assert client.get("/v1/silent-villages", by=other).json["items"] == []
    assert len(client.get("/v1/silent-villages", by=auditor_of(database, "51")).json["items"]) == 1
    assert client.get("/v1/silent-villages", by=home).status_code == 403


def test_village_without_anybody_is_forgotten(database: RolledBack, home: Person) -> None:
    with database.begin() as session:
        session.execute(text("UPDATE households SET ended = true"))
    pass_days(database, 61)
    assert told(database) == []
    with database.begin() as session:
        assert session.scalar(text("SELECT count(*) FROM villages")) == 0
