"""The book follows a region to its successor, and everything that is kept beside it still adds up."""

from datetime import date
from typing import Any

import pytest
from sqlalchemy import text

from chassis.data import region_moves
from chassis.data.region_moves import move_due
from chassis.data.regions import id_of, record
from chassis.testing.fixtures import Client, Person, RolledBack, administrator_of
from chassis.testing.twins import altered_sql, unguarded
from contracts.matching import MatchProposed
from contracts.users import RegionListed, RegionSucceeded
from matching import region_moves as moves
from matching.balance import actions as balance
from matching.checks.actions import run_checks
from matching.fairness import actions as fairness
from matching.intake import actions as intake
from matching.region_moves import MOVES

from .conftest import VILLAGE, clear, offered, published, told
from .test_eligibility_cost import MORE_NEEDS, MORE_PLEDGES, rows_read, run

AFTER = {code: code.replace("510903", "510905", 1) for code in (VILLAGE[:6], VILLAGE[:9], VILLAGE)}
DAY = date(2026, 1, 1)


def count(database: RolledBack) -> None:
    with database.begin() as session:
        while balance.update_balance(session) or fairness.count_helped_needs(session):
            pass


def succeed(database: RolledBack, after: dict[str, str]) -> int:
    with database.begin() as session:
        listed: list[Any] = [
            RegionListed(version=1, region_id=id_of(code), code=code, region_name="新", valid_from=DAY) for code in after.values()
        ]
        ended = [
            RegionSucceeded(version=1, region_id=id_of(code), code=code, region_name="旧", valid_until=DAY, successors=[new])
            for code, new in after.items()
        ]
        record(session, [*ended, *listed])
    total = 0
    for _ in range(20):
        with database.begin() as session:
            total += move_due(session, MOVES)
    return total


def offences(database: RolledBack) -> list[str]:
    count(database)
    with database.begin() as session:
        return [found.check.code for found in run_checks(session) if found.row]


@pytest.fixture
def book(client: Client, database: RolledBack) -> dict[str, Any]:
    """A book in one village: a delivered match, a refused one with its rule, an open need, and a pledge for the county."""
    agent, giver, shy = administrator_of(database, VILLAGE), Person("donor"), Person("donor")
    with database.begin() as session:
        intake.book_needs(session, [published(poster_id=agent.id), published(poster_id=agent.id, category="food.oil", unit="l")])
        intake.book_pledges(
            session, [offered(pledger_id=giver.id), offered(pledger_id=shy.id, category="food.oil", unit="l", region="510903")]
        )
    clear(database)
    count(database)
    by_item = {one.category: one for one in told(database, MatchProposed)}
    accepted, refused = by_item["food.rice"].match_id, by_item["food.oil"].match_id
    assert client.post(f"/v1/matches/{accepted}/acceptance", by=giver).status_code == 201
    assert client.post(f"/v1/matches/{refused}/refusal", {"reason": "too_far"}, by=shy).status_code == 201
    assert offences(database) == []
    return {"agent": agent, "giver": giver, "shy": shy, "accepted": accepted}


@pytest.mark.parametrize("rows", [2_000, 1])
def test_the_book_adds_up_after_a_move(client: Client, database: RolledBack, book: dict[str, Any], monkeypatch: Any, rows: int) -> None:
    monkeypatch.setattr(region_moves, "ROWS", rows)
    assert succeed(database, AFTER) >= 5
    assert offences(database) == []
    assert left(database) == {}
    shown = client.get(f"/v1/matches/{book['accepted']}", by=book["agent"]).json
    assert shown["region"] == AFTER[VILLAGE]


def left(database: RolledBack) -> dict[str, int]:
    """Count what still lies in the ended county, apart from figures that came to nought and published balances."""
    figures = {
        "needs": "region", "pledges": "scope", "matches": "region", "lessons": "region", "too_low": "scope", "first_matches": "region",
        "fared": "needs <> 0 AND region", "balance": "(needs <> 0 OR pledges <> 0) AND region",
        "balance_days": "needs <> 0 AND region", "group_days": "needs <> 0 AND region",
    }  # fmt: skip
    with database.begin() as session:
        counted = {
            table: session.scalar(text(f"SELECT count(*) FROM {table} WHERE {of} LIKE '510903%'")) or 0 for table, of in figures.items()
        }
    return {table: rows for table, rows in counted.items() if rows}


GUARDS = {
    "counts": (
        "ON CONFLICT (region, quarter) DO UPDATE SET needs = fared.needs + excluded.needs, helped = fared.helped + excluded.helped",
        "ON CONFLICT (region, quarter) DO NOTHING",
    ),
    "days": ("JOIN moving ON moving.id = need_id)", "JOIN moving ON false)"),
}


@pytest.mark.parametrize("guard", [unguarded(guard, f"without the {guard}, figures of the village stay behind") for guard in GUARDS])
def test_a_move_without_its_figures(database: RolledBack, book: dict[str, Any], monkeypatch: Any, guard: str) -> None:
    monkeypatch.setattr(moves, "_MOVE_NEEDS", altered_sql(moves._MOVE_NEEDS, *GUARDS[guard]))
    succeed(database, AFTER)
    assert offences(database) == []
    assert left(database) == {}


def test_a_pledge_for_the_successor_meets_the_need_that_moved(client: Client, database: RolledBack, book: dict[str, Any]) -> None:
    with database.begin() as session:
        intake.book_pledges(session, [offered(category="food.oil", unit="l", region="510905")])
    assert clear(database) == 0
    succeed(database, AFTER)
    assert clear(database) == 1


def test_a_refusal_still_keeps_its_village_away(client: Client, database: RolledBack, book: dict[str, Any]) -> None:
    succeed(database, AFTER)
    assert clear(database) == 0
    with database.begin() as session:
        excluded = session.scalar(text("SELECT not_for FROM pledges WHERE pledger_id = :id"), {"id": book["shy"].id})
    assert excluded
    assert all(code.startswith("510905") for code in excluded)


def test_weights_follow_and_matches_name_them(client: Client, database: RolledBack) -> None:
    with database.begin() as session:
        row = "INSERT INTO weights SELECT :region, 1, '{}', gen_random_uuid(), now(), now()"
        session.execute(text(row), [{"region": "510903"}, {"region": "510904"}, {"region": "510921"}])
    succeed(database, {"510903": "510905", "510904": "510921"})
    with database.begin() as session:
        assert sorted(session.scalars(text("SELECT region FROM weights"))) == ["510904", "510905", "510921"]


MANY = 5_000
DROPPED = "DROP INDEX needs_region, pledges_scope, too_low_scope, lessons_region"


@pytest.mark.parametrize("without", ["SELECT", unguarded(DROPPED, "without the indexes each batch reads the whole book")])
def test_move_reads_the_rows_of_its_region_alone(database: RolledBack, without: str) -> None:
    with database.begin() as session:
        intake.book_needs(session, [published(region="520102016001")])
        intake.book_pledges(session, [offered(region="520102")])
    run(database, MORE_NEEDS, count=MANY)
    run(database, MORE_PLEDGES, count=MANY)
    with database.begin() as session:
        intake.book_needs(session, [published() for _ in range(5)])
        intake.book_pledges(session, [offered(region=VILLAGE[:6])])
    run(database, "UPDATE needs SET region = '52' || lpad(abs(hashtext(CAST(id AS text)))::text, 10, '0') WHERE region LIKE '52%'")
    run(database, "UPDATE pledges SET scope = '52' || lpad((abs(hashtext(CAST(id AS text))) % 10000)::text, 4, '0') WHERE scope LIKE '52%'")
    run(database, "ANALYZE needs, pledges, lessons, too_low")
    run(database, without)
    before = rows_read(database)
    with database.begin() as session:
        assert moves.move_needs(session, AFTER, 2_000) == 5
        assert moves.move_pledges(session, AFTER, 2_000) == 1
    assert rows_read(database) - before < MANY / 10
