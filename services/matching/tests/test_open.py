"""What a clearing costs in a book that has been used for years: what is used up, over or met is not walked past."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import text

from chassis.testing.fixtures import RolledBack
from contracts.matching import MatchProposed
from matching.clearing import candidates, completion
from matching.intake.actions import change_pledge

from .conftest import DAYS, changed, clear, offered, published, told
from .test_balance import book, keep
from .test_wanting import MORE_NEEDS, MORE_PLEDGES, rows_read, run

MANY = 5_000
ALL_READ = pytest.mark.xfail(strict=True, raises=AssertionError, reason="whoever looks reads all that ever was")


def read_to_propose_one(database: RolledBack) -> int:
    before = rows_read(database)
    assert clear(database) == 1, "nothing is proposed"
    return rows_read(database) - before


@pytest.mark.parametrize(
    "is_left_out",
    [
        True,
        pytest.param(False, marks=pytest.mark.xfail(strict=True, raises=AssertionError, reason="a need reads all that was ever offered")),
    ],
)
@pytest.mark.parametrize("state", ["rest = 0", "valid_until = now() - interval '1 second'"])
def test_of_five_thousand_pledges_that_are_used_up_or_over_a_need_reads_none(
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
        pytest.param(
            False, marks=pytest.mark.xfail(strict=True, raises=AssertionError, reason="a pledge reads all that was ever asked for")
        ),
    ],
)
def test_of_five_thousand_needs_that_are_met_and_not_over_a_pledge_reads_none(
    database: RolledBack, is_left_out: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
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


def test_what_was_over_and_is_valid_again_by_a_change_is_proposed_at_once(database: RolledBack) -> None:
    pledge = offered(valid_until=datetime.now(UTC) - DAYS)
    book(database, [], [pledge])
    keep(database)
    book(database, [published()], [])
    assert clear(database) == 0
    with database.begin() as session:
        change_pledge(session, changed(pledge, valid_until=datetime.now(UTC) + DAYS))
    assert clear(database) == 1


def test_what_was_over_before_the_clock_was_set_back_is_proposed_then(database: RolledBack) -> None:
    book(database, [], [offered()])
    run(database, "UPDATE pledges SET expired = true")
    book(database, [published()], [])
    assert clear(database) == 0
    keep(database)
    assert clear(database) == 1
