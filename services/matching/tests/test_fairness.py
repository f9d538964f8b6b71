"""Fairness: those who had little come first, and the kept figures of villages and households equal a recount."""

import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import text

from chassis.data.database import Database, new_id
from chassis.http.auth import Caller
from chassis.testing.fixtures import RolledBack
from chassis.testing.twins import unguarded
from contracts.matching import MatchProposed
from contracts.needs import NeedPublished
from matching.clearing import actions as clearing
from matching.fairness import actions as counting
from matching.fairness import queries as asking
from matching.fairness.recount import DIFFERING, MISCOUNTED
from matching.intake import actions as booking
from matching.matches.actions import answers, delivery

from .conftest import DAYS, VILLAGE, clear, offered, published, told, withdrawn
from .test_balance import accept_all, book, run
from .test_balance_recount import live

OTHER = "510903001002"
BEGAN = datetime(2020, 1, 1, tzinfo=UTC)


def count(database: Database) -> None:
    while True:
        with database.begin() as session:
            if not counting.count_helped_needs(session):
                return


def figures(database: Database, village: str = VILLAGE) -> tuple[int, int]:
    """Needs published and helped."""
    count(database)
    with database.begin() as session:
        row = session.execute(text("SELECT sum(needs), sum(helped) FROM fared WHERE region = :village"), {"village": village}).one()
    return int(row[0] or 0), int(row[1] or 0)


def helped(database: Database, need: NeedPublished) -> int:
    """Return the number of helped needs of its household, as a clearing reads it."""
    count(database)
    with database.begin() as session:
        rows = session.execute(text("SELECT * FROM needs WHERE id = :id"), {"id": need.need_id}).all()
        return asking.load_recent_help(session, rows).households.get(need.household_id, 0)


def miscounted(database: Database) -> list[Any]:
    with database.begin() as session:
        return [row for statement in (MISCOUNTED, DIFFERING) for row in session.execute(text(statement)).all()]


WAYS: dict[str, tuple[list[tuple[str, dict[str, Any]]], int]] = {
    "proposed": ([], 1),
    "refused": ([("refuse", {"reason": "too_far"})], 0),
    "accepted": ([("accept", {})], 1),
    "sent": ([("accept", {}), ("send", {"carrier": "in_person"})], 1),
    "arrived": ([("accept", {}), ("send", {"carrier": "in_person"}), ("receive", {})], 1),
    "delivered": ([("accept", {}), ("send", {"carrier": "in_person"}), ("receive", {}), ("close", {})], 1),
    "lost": ([("accept", {}), ("send", {"carrier": "in_person"}), ("receive", {"quantity": 0, "reason": "lost"})], 0),
    "lost and closed": (
        [("accept", {}), ("send", {"carrier": "in_person"}), ("receive", {"quantity": 0, "reason": "lost"}), ("close", {})],
        0,
    ),
    "called off": ([("accept", {}), ("cancel", {"reason": "giver_no_show"})], 0),
    "declined": ([("decline", {"reason": "met_elsewhere"})], 0),
    "declined after a promise": ([("accept", {}), ("decline", {"reason": "met_elsewhere"})], 0),
}


@pytest.mark.parametrize("way", WAYS)
def test_need_counts_as_helped_only_while_help_stands(database: RolledBack, way: str) -> None:
    need, pledge = published(account_id=new_id()), offered()
    book(database, [need], [pledge])
    assert figures(database) == (1, 0)
    clear(database)
    acts, is_helped = WAYS[way]
    for act, body in acts:
        caller, kind = (need.account_id, "household") if act in {"receive", "cancel", "decline", "close"} else (pledge.pledger_id, "donor")
        assert caller
        with database.begin() as session:
            match = session.scalar(text("SELECT id FROM matches"))
            module = answers if act in {"accept", "refuse", "decline"} else delivery
            getattr(module, f"{act}_match")(session, Caller(caller, kind, session), match, **body)
        if act in {"accept", "send"}:
            assert helped(database, need) == 1
    assert figures(database) == (1, helped(database, need)) == (1, is_helped)
    assert miscounted(database) == []


def test_ended_need_stays_counted_unless_it_came_ended(database: RolledBack) -> None:
    heard, late = published(), published()
    book(database, [heard])
    with database.begin() as session:
        booking.end_needs(session, [withdrawn(heard), withdrawn(late)])
    book(database, [late])
    assert figures(database) == (1, 0)
    assert miscounted(database) == []


def test_cancelled_help_of_an_ended_need_stops_counting(database: RolledBack) -> None:
    need, pledge = published(), offered()
    book(database, [need], [pledge])
    clear(database)
    accept_all(database)
    with database.begin() as session:
        booking.end_needs(session, [withdrawn(need)])
    assert figures(database) == (1, 1)
    with database.begin() as session:
        match = session.scalar(text("SELECT id FROM matches"))
        delivery.cancel_match(session, Caller(pledge.pledger_id, "donor", session), match, "giver_withdrew")
    assert figures(database) == (1, 0)


@pytest.mark.parametrize(
    "counted",
    [
        True,
        unguarded(False, "without counting the village seems to be unhelped"),
    ],
)
def test_unhelped_village_comes_first_despite_shorter_wait(database: RolledBack, counted: bool) -> None:
    book(database, [published() for _ in range(3)], [offered(quantity=150)])
    clear(database)
    accept_all(database)
    if counted:
        count(database)
    older = published(posted_at=datetime.now(UTC) - 9 * DAYS)
    newer = published(region=OTHER)
    book(database, [older, newer], [offered(quantity=50)])
    clear(database)
    proposal = told(database, MatchProposed)[-1]
    assert proposal.need_id == newer.need_id
    assert {"code": "decided_by_village", "value": 0} in [{"code": reason.code, "value": reason.value} for reason in proposal.reasons]


def test_unhelped_household_comes_before_its_neighbour(database: RolledBack) -> None:
    neighbour = new_id()
    book(database, [published(household_id=neighbour)], [offered(quantity=50)])
    clear(database)
    count(database)
    book(database, [published(household_id=neighbour, posted_at=datetime.now(UTC) - 3 * DAYS), published()], [offered(quantity=50)])
    clear(database)
    assert told(database, MatchProposed)[-1].household_id != neighbour


def test_no_village_takes_a_whole_clearing_of_the_book(database: RolledBack) -> None:
    crowd = [published(quantity=1, posted_at=datetime.now(UTC) - 2 * DAYS) for _ in range(12)]
    others = [published(quantity=1, region=OTHER) for _ in range(12)]
    book(database, [*crowd, *others], [offered(quantity=6)])
    clear(database)
    assert sum(one.region == OTHER for one in told(database, MatchProposed)) == 3


def test_what_was_published_long_ago_does_not_count_any_more(database: RolledBack) -> None:
    book(database, [published(published_at=BEGAN)], [offered()])
    clear(database)
    count(database)
    book(database, [published(region=OTHER), published(posted_at=datetime.now(UTC) - 1 * DAYS)], [offered(quantity=50)])
    with database.begin() as session:
        session.execute(text("UPDATE pledges SET rest = 0 WHERE rest = 50 AND quantity = 100"))
    clear(database)
    assert told(database, MatchProposed)[-1].region == VILLAGE


@pytest.mark.parametrize("seed", range(4))
def test_after_random_acts_the_figures_are_those_of_a_recount(database: RolledBack, seed: int) -> None:
    luck = random.Random(seed + 700)
    for _ in range(3):
        live(database, luck, 40)
        assert miscounted(database) == []
        count(database)
        assert miscounted(database) == []
    with database.begin() as session:
        assert session.scalar(text("SELECT sum(helped) FROM fared")) > 0


@pytest.mark.parametrize(
    ("spoilt", "is_miscounted"),
    [
        ("UPDATE fared SET helped = helped + 1 WHERE region = '510903001001'", False),
        ("DELETE FROM fared WHERE region = '510903001001'", False),
        ("UPDATE counted_needs SET is_helped = false", True),
        ("DELETE FROM counted_needs", True),
    ],
)
def test_a_figure_that_is_off_is_found(database: RolledBack, spoilt: str, is_miscounted: bool) -> None:
    book(database, [published()], [offered()])
    clear(database)
    count(database)
    assert miscounted(database) == []
    run(database, spoilt)
    with database.begin() as session:
        assert bool(session.execute(text(MISCOUNTED)).all()) == is_miscounted
        assert session.execute(text(DIFFERING)).all()


def test_concurrent_counting_counts_every_need_once(database_of: Callable[[str, str], str]) -> None:
    database = Database(database_of("matching", "matching_fairness"), name="fairness", pool_size=20)
    needs = [published(region=(VILLAGE, OTHER)[number % 2], quantity=2) for number in range(120)]

    def ask(part: list[Any]) -> None:
        for need in part:
            book(database, [need], [offered(quantity=2)])

    def act(_: int) -> None:
        for _ in range(60):
            with database.begin() as session:
                clearing.clear(session, 3 * DAYS)
            with database.begin() as session:
                counting.count_helped_needs(session)

    with ThreadPoolExecutor(8) as pool:
        jobs = [pool.submit(ask, needs[start::4]) for start in range(4)] + [pool.submit(act, number) for number in range(4)]
        [job.result() for job in jobs]
    act(0)
    assert miscounted(database) == []
    assert figures(database) == figures(database, OTHER) == (60, 60)
    database.close()


def test_only_one_process_counts_at_a_time(database_of: Callable[[str, str], str]) -> None:
    database = Database(database_of("matching", "matching_fairness_alone"), name="fairness")
    book(database, [published()])
    with database.begin() as first:
        assert counting.count_helped_needs(first) == 1
        with database.begin() as second:
            assert counting.count_helped_needs(second) == 0
    assert figures(database) == (1, 0)
    database.close()
