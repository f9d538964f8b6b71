"""Handling and counting in simultaneous transactions gives the same counts as one after the other."""

import random
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import text

from chassis.data.database import Database
from chassis.testing.fixtures import RolledBack
from chassis.testing.twins import unguarded
from insight import counting

from .conftest import OTHER_VILLAGE, VILLAGE, accepted, count, counted, giver, handle, need, publish

NEEDS = [need(f"need {number}", f"2026-03-{1 + number % 9:02}", (VILLAGE, OTHER_VILLAGE)[number % 2]) for number in range(60)]
GIVERS = [giver(f"giver {number}", "2026-03-01") for number in range(20)]
MATCHES = [accepted(f"match {number}", one, f"giver {number % 20}", "2026-03-12") for number, one in enumerate(NEEDS)]


@pytest.fixture
def shared(database_of: Callable[[str, str], str]) -> Iterator[Database]:
    database = Database(database_of("insight", "insight_races"), name="races")
    yield database
    database.close()


def race(database: Database) -> None:
    events = [*NEEDS, *GIVERS, *MATCHES, *NEEDS[:20], *MATCHES[:20]]
    random.Random(1).shuffle(events)

    def take_part(number: int) -> None:
        if number % 3 == 0:
            with database.begin() as session:
                counting.count_stale(session)
        handle(database, events[number])

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(take_part, range(len(events))))
    count(database)


def test_events_handled_during_a_count_are_counted_too(shared: Database, engine: RolledBack) -> None:
    race(shared)
    with engine.trial() as straight:
        publish(straight, [*GIVERS, *NEEDS, *MATCHES])
        assert counted(shared) == counted(straight)


@pytest.mark.parametrize(
    "guarded",
    [
        True,
        unguarded(False, "without the lock, both count"),
    ],
)
def test_second_process_leaves_the_counting_to_the_first(shared: Database, monkeypatch: pytest.MonkeyPatch, guarded: bool) -> None:
    if not guarded:
        monkeypatch.setattr(counting, "_LOCK", text("SELECT true"))
    with shared.begin() as first:
        counting.count_stale(first)
        handle(shared, *NEEDS[:3])
        with shared.begin() as second:
            assert counting.count_stale(second) == 0
    with shared.begin() as session:
        assert counting.count_stale(session) > 0
