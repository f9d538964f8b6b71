"""The cost of a clearing in an old book: used-up pledges and met needs are not read."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import text

from chassis.testing.fixtures import RolledBack
from chassis.testing.twins import unguarded
from contracts.matching import MatchProposed
from matching.clearing import candidates, completion
from matching.intake.actions import change_pledge

from .conftest import DAYS, changed, clear, offered, published, told
from .test_balance import book, keep
from .test_eligibility_cost import MORE_NEEDS, MORE_PLEDGES, rows_read, run

MANY = 5_000
ALL_READ = pytest.mark.xfail(strict=True, raises=AssertionError, reason="without the partial index all old rows are read")


def read_to_propose_one(database: RolledBack) -> int:
    before = rows_read(database)
    assert clear(database) == 1, "nothing is proposed"
    return rows_read(database) - before


@pytest.mark.parametrize(
    "is_left_out",
    [
        True,
        unguarded(False, "without the generated column a need reads all old pledges"),
    ],
)
@pytest.mark.parametrize("state", ["rest = 0", "valid_until = now() - interval '1 second'"])
def test_need_reads_none_of_5000_used_up_pledges(
    database: RolledBack, state: str, is_left_out: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not is_left_out:
        for name in ("_FIRST", "_TAKE", "_LEFT"):
            monkeypatch.setattr(candidates, name, text(str(getattr(candidates, name)).replace("AND open", "AND NOT ended AND rest > 0")))
    book(database, [], [offered()])
    run(database, MORE_PLEDGES, count=MANY)
    run(database, f"UPDATE pledges SET {state}")
    keep(database)
    last = offered()
    book(database, [published(quantity=10)], [last])
    run(database, "DELETE FROM to_clear WHERE side = 'pledge'")
    run(database, "ANALYZE pledges")
    assert read_to_propose_one(database) < MANY / 10
    assert [one.pledge_id for one in told(database, MatchProposed)] == [last.pledge_id]


@pytest.mark.parametrize(
    "is_left_out",
    [
        True,
        unguarded(False, "without the generated column a pledge reads all met needs"),
    ],
)
def test_pledge_reads_none_of_5000_met_needs(database: RolledBack, is_left_out: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not is_left_out:
        for name in ("_FITTING_NEEDS", "_DONE"):
            monkeypatch.setattr(completion, name, text(str(getattr(completion, name)).replace("AND open", "AND NOT ended AND rest > 0")))
    book(database, [published(quantity=10)], [])
    run(database, MORE_NEEDS, count=MANY)
    run(database, "UPDATE needs SET rest = 0")
    last = published(quantity=10)
    book(database, [last], [offered()])
    run(database, "DELETE FROM to_clear WHERE side = 'need'")
    run(database, "ANALYZE needs")
    assert read_to_propose_one(database) < MANY / 10
    assert [one.need_id for one in told(database, MatchProposed)] == [last.need_id]


def test_prolonged_pledge_is_proposed_at_once(database: RolledBack) -> None:
    pledge = offered(valid_until=datetime.now(UTC) - DAYS)
    book(database, [], [pledge])
    keep(database)
    book(database, [published()], [])
    assert clear(database) == 0
    with database.begin() as session:
        change_pledge(session, changed(pledge, valid_until=datetime.now(UTC) + DAYS))
    assert clear(database) == 1


def test_expired_pledge_is_proposed_after_a_clock_setback(database: RolledBack) -> None:
    book(database, [], [offered()])
    run(database, "UPDATE pledges SET expired = true")
    book(database, [published()], [])
    assert clear(database) == 0
    keep(database)
    assert clear(database) == 1
