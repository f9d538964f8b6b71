"""Lock order: every transaction locks pledges before needs, so two of them never deadlock."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from chassis.data.database import Database
from chassis.http.auth import Caller
from chassis.testing.twins import unguarded
from matching.clearing import actions as clearing
from matching.intake import actions as intake
from matching.intake import moves
from matching.matches.actions import answers
from matching.weights import deferral

from .conftest import DAYS, offered, published, taken_back, withdrawn
from .test_moves import moved

WAITING = text("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'")


@pytest.fixture
def real(database_of: Callable[[str, str], str]) -> Iterator[Database]:
    database = Database(database_of("matching", "matching_lock_order"), name="lock_order", lock_timeout_ms=20_000)
    yield database
    database.close()


def waiting(database: Database, many: int, unless: Future[Any] | None = None) -> None:
    """Until so many wait for a lock, or one is through that need not wait."""
    deadline = time.monotonic() + 20
    while True:
        with database.begin() as session:
            if session.scalar(WAITING) == many or (unless and unless.done()):
                return
        assert time.monotonic() < deadline, f"never were {many} waiting"
        time.sleep(0.01)


def does(database: Database, act: Callable[[Session], object]) -> bool:
    """Run both at once; return True unless they deadlocked."""
    try:
        with database.begin() as session:
            session.execute(text("SET LOCAL deadlock_timeout = '50ms'"))
            act(session)
    except OperationalError as error:
        assert "deadlock" in str(error)
        return False
    return True


def happen(database: Database, *acts: Callable[[Session], object]) -> None:
    for act in acts:
        with database.begin() as session:
            act(session)


ROUNDS = 5


@pytest.mark.parametrize("is_looked_at_again", [True, unguarded(False, "without the lock order, ending a need waits for the pledge")])
def test_need_ending_during_a_proposal_never_deadlocks(real: Database, monkeypatch: pytest.MonkeyPatch, is_looked_at_again: bool) -> None:
    if not is_looked_at_again:
        monkeypatch.setattr(intake, "find_proposed_pledges", lambda session, needs: set())
    # Which of the two waits longer is chance: without the order, not every round ends in a deadlock.
    for _ in range(ROUNDS):
        end_both_during_a_proposal(real)
    with real.begin() as session:
        ended = session.execute(text("SELECT state, ended_because FROM matches")).all()
        assert len(ended) == ROUNDS
        assert set(ended) <= {("lapsed", "pledge_withdrawn"), ("lapsed", "need_withdrawn")}
        rows = session.execute(text("SELECT ended, rest FROM needs UNION ALL SELECT ended, rest FROM pledges")).all()
        assert rows == [(True, 0)] * 2 * ROUNDS


def end_both_during_a_proposal(real: Database) -> None:
    need, pledge = published(), offered()
    happen(real, lambda session: intake.book_needs(session, [need]), lambda session: intake.book_pledges(session, [pledge]))
    with ThreadPoolExecutor(2) as threads:
        with real.begin() as session:
            assert clearing.clear(session, 3 * DAYS).proposals == 1
            gives_up = threads.submit(does, real, lambda session: intake.withdraw_pledge(session, taken_back(pledge)))
            waiting(real, 1)
            ends = threads.submit(does, real, lambda session: intake.end_needs(session, [withdrawn(need)]))
            waiting(real, 2)
        assert gives_up.result()
        assert ends.result()


def test_need_ending_during_a_proposal_frees_the_pledge(real: Database) -> None:
    need, pledge = published(), offered()
    happen(real, lambda session: intake.book_needs(session, [need]), lambda session: intake.book_pledges(session, [pledge]))
    with ThreadPoolExecutor(1) as threads:
        with real.begin() as session:
            assert clearing.clear(session, 3 * DAYS).proposals == 1
            ends = threads.submit(does, real, lambda session: intake.end_needs(session, [withdrawn(need)]))
            waiting(real, 1)
        assert ends.result()
    with real.begin() as session:
        assert session.execute(text("SELECT state, ended_because FROM matches")).all() == [("lapsed", "need_withdrawn")]
        assert session.scalar(text("SELECT rest FROM pledges")) == pledge.quantity


@pytest.mark.parametrize("is_looked_at_again", [True, unguarded(False, "without the second look, ending a proposal waits for its pledge")])
def test_need_moving_during_a_proposal_never_deadlocks(real: Database, monkeypatch: pytest.MonkeyPatch, is_looked_at_again: bool) -> None:
    if not is_looked_at_again:
        monkeypatch.setattr(moves, "find_proposed_pledges", lambda session, needs: set())
    for _ in range(ROUNDS):
        move_during_a_proposal(real)
    with real.begin() as session:
        ended = session.execute(text("SELECT DISTINCT state, ended_because FROM matches")).all()
        assert set(ended) <= {("lapsed", "pledge_withdrawn"), ("lapsed", "need_moved")}


def move_during_a_proposal(real: Database) -> None:
    need, pledge = published(), offered()
    gone = moved(need, region="510703001003")
    happen(real, lambda session: intake.book_needs(session, [need]), lambda session: intake.book_pledges(session, [pledge]))
    with ThreadPoolExecutor(2) as threads:
        with real.begin() as session:
            assert clearing.clear(session, 3 * DAYS).proposals == 1
            gives_up = threads.submit(does, real, lambda session: intake.withdraw_pledge(session, taken_back(pledge)))
            waiting(real, 1)
            goes = threads.submit(does, real, lambda session: moves.move_needs(session, [gone]))
            waiting(real, 2)
        assert gives_up.result()
        assert goes.result()


_WITHOUT_NEEDS = text("SELECT need_id FROM too_low WHERE until <= :at ORDER BY until LIMIT :limit")


@pytest.mark.parametrize("are_needs_taken", [True, unguarded(False, "without sorting, pausing and waking lock needs in opposite orders")])
def test_waking_pairs_of_a_pausing_pledge_never_deadlock(real: Database, monkeypatch: pytest.MonkeyPatch, are_needs_taken: bool) -> None:
    if not are_needs_taken:
        monkeypatch.setattr(deferral, "_EXPIRED", _WITHOUT_NEEDS)
    former, later = sorted((published(quantity=1), published(quantity=1)), key=lambda need: need.need_id)
    pledge = offered(quantity=2)
    happen(
        real,
        lambda session: intake.book_needs(session, [former, later]),
        lambda session: intake.book_pledges(session, [pledge]),
        lambda session: clearing.clear(session, 3 * DAYS),
    )
    key = ("food", "kg", "")
    with real.begin() as session:
        assert session.scalar(text("SELECT count(*) FROM matches")) == 2
        refused = session.scalar(text("SELECT id FROM matches WHERE need_id = :need"), {"need": later.need_id})
        deferral.defer_pairs(session, {(former.need_id, key), (later.need_id, key)}, datetime.now(UTC) - 2 * DAYS)
        session.execute(text("INSERT INTO to_clear (side, id) VALUES ('need', :id) ON CONFLICT DO NOTHING"), {"id": later.need_id})

    def refuse(session: Session) -> None:
        answers.refuse_match(session, Caller(pledge.pledger_id, "donor", session), refused, "out_of_stock")

    with ThreadPoolExecutor(2) as threads:
        with real.begin() as session:
            session.execute(text("SELECT FROM to_clear WHERE side = 'need' AND id = :id FOR UPDATE"), {"id": later.need_id})
            rests = threads.submit(does, real, refuse)
            waiting(real, 1)
            wakes = threads.submit(does, real, deferral.requeue_deferred_needs)
            waiting(real, 2, unless=wakes)
        assert rests.result()
        assert wakes.result()
    with real.begin() as session:
        assert session.scalar(text("SELECT count(*) FROM matches WHERE state IN ('refused', 'lapsed')")) == 2
        assert deferral.requeue_deferred_needs(session) == (2 if are_needs_taken else 0)
