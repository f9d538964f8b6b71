"""Givers who choose and the matcher on the same needs at the same moment: each unit goes to one, and what somebody holds is theirs."""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event, Thread
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from chassis.data.database import Database, new_id
from chassis.http.auth import Caller
from chassis.problems import Problem
from chassis.testing.twins import unguarded
from matching.checks.actions import run_checks
from matching.clearing import actions as clearing
from matching.holds import actions as holds
from matching.intake import actions as intake
from matching.matches.actions import claims

from .conftest import DAYS, offered, published

NEEDS, CHOOSERS, AT_ONCE = (100, 200, 40) if "CAMPAIGN" in os.environ else (20, 40, 20)


@pytest.fixture
def real(database_of: Callable[[str, str], str]) -> Iterator[Database]:
    database = Database(database_of("matching", "matching_choosers"), name="choosers", pool_size=60)
    yield database
    database.close()


def open_a_hold(database: Database, giver: UUID, need_id: UUID) -> bool:
    """Hold the unit of the need; tell whether the giver has it."""
    try:
        with database.begin() as session:
            holds.open_hold(session, Caller(giver, "donor", session), need_id, 1)
    except Problem:
        return False
    return True


def only_look(database: Database, giver: UUID, need_id: UUID) -> bool:
    """See that the need has a unit left, as somebody does who reads its page."""
    with database.begin() as session:
        return session.scalar(text("SELECT rest FROM needs WHERE id = :id"), {"id": need_id}) == 1


def choose_beside_the_matcher(database: Database, choose: Callable[[Database, UUID, UUID], bool]) -> tuple[int, int, int]:
    """Let givers choose while a pledge for every need arrives and is cleared; return choosers, those who got their need, matches."""
    needs, rivals = [published(quantity=1) for _ in range(NEEDS)], [offered(quantity=1) for _ in range(NEEDS)]
    with database.begin() as session:
        intake.book_needs(session, needs)
    stopping, gate = Event(), Barrier(2)

    def keep_clearing() -> None:
        while not stopping.is_set():
            with database.begin() as session:
                clearing.clear(session, 3 * DAYS)

    def let_rivals_come() -> None:
        gate.wait()
        for rival in rivals:
            with database.begin() as session:
                intake.book_pledges(session, [rival])

    def decide(number: int) -> Any:
        giver, need = new_id(), needs[number % NEEDS]
        return offered(pledger_id=giver, quantity=1, claims=need.need_id) if choose(database, giver, need.need_id) else None

    def offer(pledge: Any) -> None:
        with database.begin() as session:
            claims.book_and_claim(session, [pledge])

    threads = [Thread(target=keep_clearing), Thread(target=keep_clearing), Thread(target=let_rivals_come)]
    [thread.start() for thread in threads]
    try:
        with ThreadPoolExecutor(AT_ONCE) as pool:
            gate.wait()
            chosen = [pledge for pledge in pool.map(decide, range(CHOOSERS)) if pledge]
            threads[2].join()
            while count(database, "SELECT count(*) FROM to_clear"):
                pass
            # While somebody made up their mind, everything else was matched. Now they offer.
            list(pool.map(offer, chosen))
    finally:
        stopping.set()
        [thread.join() for thread in threads]
    accepted = count(database, "SELECT count(*) FROM matches WHERE state = 'accepted' AND answer_by = proposed_at")
    return len(chosen), accepted, count(database, "SELECT count(*) FROM matches")


def count(database: Database, query: str) -> int:
    with database.begin() as session:
        return session.scalar(text(query)) or 0


@pytest.mark.parametrize("choose", [open_a_hold, unguarded(only_look, "without a hold the matcher is faster")])
def test_no_chooser_loses_what_they_hold(real: Database, choose: Callable[[Database, UUID, UUID], bool]) -> None:
    choosers, accepted, matches = choose_beside_the_matcher(real, choose)
    assert 0 < choosers == accepted, f"{choosers - accepted} of {choosers} choosers lost the need they had chosen"
    assert matches == NEEDS
    assert count(real, "SELECT count(*) FROM needs WHERE rest <> 0") == 0
    with real.begin() as session:
        wrong = [finding.check.code for finding in run_checks(session) if finding.row]
    assert set(wrong) <= {"balance_differs", "need_miscounted", "fared_differs"}, "timers add up these counts, all else is true"
