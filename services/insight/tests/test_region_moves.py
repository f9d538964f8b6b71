"""Figures follow a region to its successor: every count stands there as it stood before."""

from datetime import date
from typing import Any

from sqlalchemy import text

from chassis.data import region_moves
from chassis.data.region_moves import move_due
from chassis.data.regions import id_of, record
from chassis.testing.fixtures import Client, Person, RolledBack
from contracts.matching import DisputeOpened
from contracts.needs import NeedRejected
from contracts.users import HouseholdRegistered, RegionListed, RegionSucceeded
from insight.region_moves import MOVES

from .conftest import COUNTY, TOWN, VILLAGE, accepted, count, counted, event, giver, need, publish

AFTER = {code: code.replace(COUNTY, "510905", 1) for code in (COUNTY, TOWN, VILLAGE)}
DAY = date(2026, 1, 1)


def fill(database: RolledBack) -> None:
    one, other = need("one", "2026-03-02"), need("other", "2026-03-03")
    rejected = event(NeedRejected, need_id="bad", region=VILLAGE, rejected_at="2026-03-04", version=2)
    dispute = event(DisputeOpened, dispute_id="dispute", region=VILLAGE, opened_at="2026-03-06")
    household = event(HouseholdRegistered, household_id="household", region=VILLAGE, registered_at="2026-03-01")
    people = [giver("donor", "2026-03-01", region=COUNTY), giver("other donor", "2026-03-01", region=TOWN)]
    publish(database, [*people, household, one, other, rejected, dispute, accepted("match", one, "donor", "2026-03-05")])


def succeed(database: RolledBack, after: dict[str, str]) -> None:
    with database.begin() as session:
        listed: list[Any] = [
            RegionListed(version=1, region_id=id_of(code), code=code, region_name="新", valid_from=DAY) for code in after.values()
        ]
        ended = [
            RegionSucceeded(version=1, region_id=id_of(code), code=code, region_name="旧", valid_until=DAY, successors=[new])
            for code, new in after.items()
        ]
        record(session, [*ended, *listed])
    for _ in range(20):
        with database.begin() as session:
            move_due(session, MOVES)
        count(database)


def test_counts_stand_in_the_successor_as_before(database: RolledBack) -> None:
    fill(database)
    before = counted(database)
    succeed(database, AFTER)
    moved = {(AFTER.get(region, region), day): measures for (region, day), measures in before.items()}
    assert counted(database) == moved


def test_counts_are_right_when_rows_move_in_small_batches(database: RolledBack, monkeypatch: Any) -> None:
    monkeypatch.setattr(region_moves, "ROWS", 1)
    fill(database)
    before = counted(database)
    succeed(database, AFTER)
    assert counted(database) == {(AFTER.get(region, region), day): measures for (region, day), measures in before.items()}


def test_counts_of_a_merged_region_are_added_up(database: RolledBack) -> None:
    fill(database)
    publish(database, [need("third", "2026-03-02", "510904001001")])
    succeed(database, {VILLAGE: "510904001001", TOWN: "510904001", COUNTY: "510904"})
    assert counted(database)["510904001001", date(2026, 3, 2)]["needs"] == 2
    assert ("510903", date(2026, 3, 2)) not in counted(database)


def test_activity_of_later_days_counts_in_the_successor(database: RolledBack, city: Person, client: Client) -> None:
    fill(database)
    succeed(database, AFTER)
    one = need("late", "2026-03-10")
    publish(database, [one, accepted("late match", one, "donor", "2026-03-11")])
    assert counted(database)["510905", date(2026, 3, 11)]["active_day"] == 1
    with database.begin() as session:
        tables = ("people", "households", "acts", "needs", "objections")
        left = [table for table in tables if session.scalar(text(f"SELECT count(*) FROM {table} WHERE region LIKE '510903%'"))]
    assert left == []
