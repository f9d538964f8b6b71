"""The cost of a clearing with refusal rules and thresholds grows with needs plus pledges, never with their product."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from chassis.testing.fixtures import Client, RolledBack, administrator_of
from chassis.testing.twins import unguarded
from contracts.matching import MatchProposed
from matching.allocation.score import Demand
from matching.clearing import actions, candidates, completion
from matching.clearing.rules import Eligibility

from .conftest import VILLAGE, clear, offered, published, told
from .test_balance import book
from .test_weights import COUNTY, PICKY, group, listed, put

ELSEWHERE = "510922001001"
NEEDS, PLEDGES = 150, 300
MANY = {"need": 20_000}

MORE_NEEDS = """
    INSERT INTO needs (id, version, household_id, poster_id, region, category, unit, urgency, quantity, rest, ended, posted_at)
    SELECT gen_random_uuid(), 2, household_id, poster_id, region, category, unit, urgency, quantity, rest, false, posted_at
    FROM needs, generate_series(2, :count)
"""
MORE_PLEDGES = """
    INSERT INTO pledges (id, version, pledger_id, category, unit, scope, quantity, rest, ended, valid_until, offered_at, releases, not_for)
    SELECT gen_random_uuid(), 1, pledger_id, category, unit, scope, quantity, rest, false, valid_until, offered_at, 0, not_for
    FROM pledges, generate_series(2, :count)
"""
READ = """
    SELECT sum(seq_tup_read + coalesce(idx_tup_fetch, 0)) FROM pg_stat_xact_user_tables
    WHERE relname IN ('needs', 'pledges', 'matches', 'too_low', 'lessons')
"""


def run(database: RolledBack, statement: str, **given: Any) -> None:
    with database.begin() as session:
        session.execute(text(statement), given)


def rows_read(database: RolledBack) -> int:
    """Return the number of rows read in this test so far."""
    return int(database.found(text(READ))[0][0])


def not_for(database: RolledBack, words: str) -> None:
    """All pledges there are bear this, as if their pledgers had refused so."""
    run(database, "UPDATE pledges SET not_for = CAST(:words AS text[])", words=words)


def each_alone(session: Any, wanting: Eligibility, lying: Any) -> list[UUID]:
    refused: list[Any] = []
    return [found for need in wanting.needs.values() for found in beside(session, Eligibility([need], refused), lying)]


beside: Callable[[Any, Eligibility, Any], list[UUID]] = candidates.find_servable_needs


@pytest.mark.parametrize(
    "is_together",
    [
        True,
        pytest.param(
            False,
            marks=pytest.mark.xfail(
                strict=True, raises=AssertionError, reason="without the shared rules each need reads every excluded pledge"
            ),
        ),
    ],
)
@pytest.mark.parametrize("word", [COUNTY, "food.rice"])
def test_excluded_pledges_are_not_read_once_per_need(
    database: RolledBack, word: str, is_together: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not is_together:
        monkeypatch.setattr(actions, "find_servable_needs", each_alone)
    book(database, [published()], [group(region="")])
    run(database, MORE_NEEDS, count=NEEDS)
    not_for(database, f"{{{word}}}")
    run(database, MORE_PLEDGES, count=PLEDGES)
    run(database, "INSERT INTO to_clear (side, id) SELECT 'need', id FROM needs ON CONFLICT DO NOTHING")
    run(database, "ANALYZE needs, pledges, matches, too_low, to_clear")
    before = rows_read(database)
    assert clear(database) == 0
    assert rows_read(database) - before < 20 * (NEEDS + PLEDGES) < NEEDS * PLEDGES
    assert listed(database) == 0


def test_rule_is_evaluated_once_for_all_its_pledges() -> None:
    here, there = (Demand(uuid4(), "food.rice", "kg", region, 1, 0, 5) for region in (VILLAGE, ELSEWHERE))
    wanting = Eligibility([here, there], [])
    first, second = wanting.excluded_needs(uuid4(), [COUNTY]), wanting.excluded_needs(uuid4(), ["330106", COUNTY])
    assert first is second
    assert first == {here.id}
    assert wanting.excluded_needs(uuid4(), ["food.rice"]) == {here.id, there.id}
    assert wanting.excluded_needs(uuid4(), ["food.oil"]) == wanting.excluded_needs(uuid4(), []) == frozenset()


@pytest.mark.parametrize(
    "is_guarded",
    [
        True,
        pytest.param(
            False,
            marks=pytest.mark.xfail(
                strict=True, raises=AssertionError, reason="without the second read, pledges behind the first ones are missed"
            ),
        ),
    ],
)
@pytest.mark.parametrize(
    ("words", "others"),
    [(f"{{{COUNTY}}}", {}), ("{food.rice}", {}), (f"{{{COUNTY},food.oil}}", {"region": ELSEWHERE, "category": "food.oil"})],
)
def test_200_excluded_pledges_do_not_hide_the_next_one(
    database: RolledBack, words: str, others: dict[str, str], is_guarded: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not is_guarded:
        monkeypatch.setattr(candidates, "_TAKE_APART", text(str(candidates._TAKE_APART).replace("key.areas IS NULL", "true")))
    book(database, [], [group(region="")])
    not_for(database, words)
    run(database, MORE_PLEDGES, count=candidates.PER_KEY + 20)
    run(database, "DELETE FROM to_clear")
    behind = group(region="", quantity=100)
    needs = [published(quantity=30), published(**{"quantity": 20} | others)]
    book(database, needs, [behind])
    run(database, "DELETE FROM to_clear WHERE side = 'pledge'")
    clear(database)
    assert {(one.need_id, one.pledge_id) for one in told(database, MatchProposed)} == {(one.need_id, behind.pledge_id) for one in needs}
    assert listed(database) == 0


@pytest.mark.parametrize(
    "is_guarded",
    [
        True,
        pytest.param(
            False,
            marks=pytest.mark.xfail(
                strict=True, raises=AssertionError, reason="without the exception, excluded pledges seem to cover the demand"
            ),
        ),
    ],
)
def test_restricted_pledges_do_not_cover_the_demand(database: RolledBack, is_guarded: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not is_guarded:
        monkeypatch.setattr(candidates, "_TAKE_APART", text(str(candidates._TAKE_APART).replace("THEN 0 ELSE rest", "THEN rest ELSE rest")))
    book(database, [], [group(region="", quantity=10) for _ in range(2)])
    not_for(database, "{food.rice}")
    needs = [published(quantity=10), published(quantity=10, category="food.oil")]
    book(database, needs, [group(region="", quantity=10)])
    run(database, "DELETE FROM to_clear WHERE side = 'pledge'")
    clear(database)
    assert {one.need_id for one in told(database, MatchProposed)} == {one.need_id for one in needs}


def test_pledge_excluded_for_some_needs_goes_to_others(database: RolledBack) -> None:
    here, there, pledge = published(), published(region=ELSEWHERE), group(region="", quantity=80)
    book(database, [], [pledge])
    not_for(database, f"{{{COUNTY}}}")
    book(database, [here, there], [])
    assert clear(database) == 1
    assert [one.need_id for one in told(database, MatchProposed)] == [there.need_id]
    assert listed(database) == 0


def test_need_stays_queued_while_pledges_fit(database: RolledBack) -> None:
    here, there = (Demand(uuid4(), "food.rice", "kg", region, 1, 0, 5) for region in (VILLAGE, ELSEWHERE))
    book(database, [], [group(region="")])
    not_for(database, f"{{{COUNTY}}}")
    with database.begin() as session:
        assert candidates.find_servable_needs(session, Eligibility([here, there], []), []) == [here.id, there.id]
        assert candidates.find_servable_needs(session, Eligibility([there], []), []) == [there.id]
        assert candidates.find_servable_needs(session, Eligibility([here], []), []) == []
        assert candidates.find_servable_needs(session, Eligibility([there], [], {(there.id, ("food", "kg", ""))}), []) == []


@pytest.fixture
def picky(client: Client, database: RolledBack) -> RolledBack:
    """A county in which twenty thousand needs were worth too little for a pledge for a group."""
    assert put(client, administrator_of(database, COUNTY), **PICKY).status_code == 200
    book(database, [published(posted_at=datetime.now(UTC))], [group()])
    clear(database)
    run(database, MORE_NEEDS, count=MANY["need"])
    run(database, "UPDATE needs SET declined = true")
    run(database, "INSERT INTO too_low SELECT id, 'food', '5109', now() + interval '1 day' FROM needs ON CONFLICT DO NOTHING")
    run(database, "ANALYZE needs, pledges, too_low, to_clear")
    return database


@pytest.mark.parametrize(
    "is_bounded",
    [
        True,
        unguarded(False, "without the bound a pledge reads all deferred needs"),
    ],
)
def test_pledge_reads_few_of_20000_deferred_needs(picky: RolledBack, is_bounded: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not is_bounded:
        for name in ("_FITTING_NEEDS", "_DONE"):
            monkeypatch.setattr(
                completion, name, text(str(getattr(completion, name)).replace(f"LIMIT {completion.DECLINED_LOOKED_AT}", ""))
            )
    book(picky, [], [group()])
    before = rows_read(picky)
    assert clear(picky) == 0
    assert rows_read(picky) - before < MANY["need"] / 2
    assert listed(picky) == 0


def test_need_deferred_for_one_pledge_is_found_by_the_next(picky: RolledBack) -> None:
    exact = offered(quantity=20)
    book(picky, [], [exact])
    assert clear(picky) == 1
    assert [one.pledge_id for one in told(picky, MatchProposed)] == [exact.pledge_id]


def test_reweighed_need_is_no_longer_deferred(client: Client, database: RolledBack) -> None:
    assert put(client, administrator_of(database, COUNTY), **PICKY).status_code == 200
    book(database, [published()], [group()])
    clear(database)
    assert database.found(text("SELECT declined FROM needs")) == [(True,)]
    run(database, "UPDATE needs SET posted_at = posted_at - interval '1 day'")
    run(database, "INSERT INTO to_clear (side, id) SELECT 'need', id FROM needs")
    assert clear(database) == 1
    assert database.found(text("SELECT declined FROM needs")) == [(False,)]
    assert database.found(text("SELECT count(*) FROM too_low")) == [(0,)]
