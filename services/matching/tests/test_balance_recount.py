"""The balance equals a recount after any acts in any order."""

import random
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from chassis.data.database import Database
from chassis.http.auth import Caller
from chassis.problems import Problem
from chassis.testing.fixtures import RolledBack
from matching.balance import actions as balance
from matching.balance.recount import find_difference
from matching.clearing import actions as clearing
from matching.intake import actions as booking
from matching.matches.actions import answers

from .conftest import DAYS, VILLAGE, changed, offered, published, taken_back, withdrawn
from .test_balance import COUNTY, TOWN, book, keep, run


@pytest.mark.parametrize("seed", range(3))
def test_balance_equals_a_recount_after_random_acts(database: RolledBack, seed: int) -> None:
    live(database, random.Random(seed), 120)
    keep(database)
    with database.begin() as session:
        assert find_difference(session) is None
        assert session.scalar(text("SELECT count(*) FROM balance WHERE needs > 0 AND pledges >= 0")), "nothing was tried"


def test_a_recount_finds_a_figure_that_is_off_by_one(database: RolledBack) -> None:
    book(database, [published()])
    keep(database)
    run(database, f"UPDATE balance SET needs = needs + 1 WHERE region = '{COUNTY}' AND category = 'food.rice'")
    with database.begin() as session:
        found = find_difference(session)
    assert found is not None
    assert (found["region"], found["category"], found["unit"]) == (COUNTY, "food.rice", "kg")


def live(database: Database, luck: random.Random, acts: int) -> None:
    """Needs and pledges come, change and go, are proposed, accepted, refused, and lapse, in any order."""
    needs: list[Any] = [published(quantity=1)]
    pledges: list[Any] = [offered(quantity=1)]
    book(database, needs, pledges)
    for _ in range(acts):
        with suppress(Problem), database.begin() as session:
            act(session, luck, needs, pledges)


def act(session: Any, luck: random.Random, needs: list[Any], pledges: list[Any]) -> None:
    category, unit = luck.choice([("food.rice", "kg"), ("food.flour", "kg"), ("food", "kg"), ("food.oil", "l")])
    kind = luck.randrange(9)
    if kind == 0:
        needs.append(published(category=category, unit=unit, region=luck.choice([VILLAGE, "510903001002", "510904001001"]),
                               quantity=luck.randint(1, 20), urgency=luck.choice(["normal", "urgent", "critical"])))  # fmt: skip
        booking.book_needs(session, needs[-1:])
    elif kind == 1:
        pledges.append(offered(category=category, unit=unit, region=luck.choice(["", "51", COUNTY, TOWN, VILLAGE]),
                               quantity=luck.randint(1, 30), valid_until=datetime.now(UTC) + luck.choice([-1, 1]) * DAYS))  # fmt: skip
        booking.book_pledges(session, pledges[-1:])
    elif kind == 2:
        booking.end_needs(session, [withdrawn(luck.choice(needs))])
    elif kind == 3:
        number = luck.randrange(len(pledges))
        event = changed(pledges[number], quantity=luck.randint(1, 30), region=luck.choice(["", COUNTY]))
        booking.change_pledge(session, event)
    elif kind == 4 and luck.random() < 0.3:
        booking.withdraw_pledge(session, taken_back(luck.choice(pledges), version=9))
    elif kind == 5:
        balance.update_balance(session)
    elif kind == 6:
        session.execute(text("UPDATE to_clear SET due_at = now()"))
        clearing.clear(session, 3 * DAYS)
    elif kind == 7:
        session.execute(text("UPDATE matches SET answer_by = now() - interval '1 second' WHERE state = 'proposed' AND random() < 0.3"))
        answers.lapse_matches(session)
    else:
        match = session.execute(text("SELECT id, pledger_id FROM matches WHERE state = 'proposed' ORDER BY random() LIMIT 1")).first()
        if match:
            caller = Caller(match.pledger_id, "donor", session)
            if luck.random() < 0.5:
                answers.accept_match(session, caller, match.id)
            else:
                answers.refuse_match(session, caller, match.id, "other")


@pytest.mark.parametrize(
    ("happened", "is_settled"),
    [
        ("SELECT", False),
        ("DELETE FROM to_clear", True),
        ("UPDATE to_clear SET due_at = clock_timestamp() + interval '5 seconds'", True),
        ("UPDATE to_clear SET due_at = clock_timestamp() - interval '61 seconds'", True),
        ("UPDATE balance_changes SET id = id + 20000 WHERE id = (SELECT max(id) FROM balance_changes)", True),
    ],
)
def test_balance_waits_for_the_clearing_queue(database: RolledBack, happened: str, is_settled: bool) -> None:
    for need in (published(), published()):
        book(database, [need])
    run(database, happened)
    with database.begin() as session:
        assert balance.is_update_due(session) == is_settled


def test_many_balance_notes_are_summed_in_parts(database: RolledBack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(balance, "BATCH", 1)
    monkeypatch.setattr(balance, "MANY", 3)
    for _ in range(6):
        book(database, [published()])
    with database.begin() as session:
        assert [balance.update_balance(session), balance.update_balance(session)] == [3, 1]


@pytest.fixture
def real(database_of: Callable[[str, str], str]) -> Iterator[Database]:
    database = Database(database_of("matching", "matching_balance"), name="balance", pool_size=20)
    yield database
    database.close()


def in_parallel(real: Database) -> None:
    """Several clear, accept and add up at once."""
    book(
        real, [published(quantity=3, region=f"5109030010{number:02}") for number in range(1, 60)], [offered(quantity=5) for _ in range(40)]
    )

    def work(number: int) -> None:
        for _ in range(10):
            with real.begin() as session:
                clearing.clear(session, 3 * DAYS, limit=10)
            with suppress(Problem), real.begin() as session:
                act(session, random.Random(number), [published()], [offered()])
            with real.begin() as session:
                balance.update_balance(session)

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(work, range(6)))
    keep(real)


def test_any_number_may_clear_and_add_up_at_once(real: Database) -> None:
    in_parallel(real)
    with real.begin() as session:
        assert find_difference(session) is None
        assert session.scalar(text("SELECT count(*) FROM balance_changes")) == 0


@pytest.mark.xfail(strict=True, raises=AssertionError, reason="without the triggers no change is recorded")
def test_without_its_triggers_the_balance_stands_still(real: Database) -> None:
    for table in ("needs", "pledges"):
        run(real, f"ALTER TABLE {table} DISABLE TRIGGER USER")
    in_parallel(real)
    with real.begin() as session:
        assert find_difference(session) is None


def test_uncommitted_change_counts_nowhere_in_the_balance(real: Database) -> None:
    book(real, [published()])
    with Session(real.engine) as session:
        booking.book_needs(session, [published()])
        balance.update_balance(session)
        session.rollback()
    keep(real)
    with real.begin() as session:
        assert find_difference(session) is None
        assert session.scalar(text("SELECT needs FROM balance WHERE region = ''")) == 1
