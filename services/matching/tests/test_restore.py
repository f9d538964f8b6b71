"""A book restored from a backup takes its matches' later steps from needs, and passes the audit."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from chassis.data.database import new_id
from chassis.testing.fixtures import RolledBack
from contracts.matching import MatchLapsed, MatchNeedEnded, PledgeReleased
from matching.balance import actions as balance
from matching.checks.actions import run_checks
from matching.fairness import actions as fairness
from matching.intake import actions as intake
from matching.reliability import classes
from matching.restore.actions import SKIPPED_VERSIONS, PublishedMatch, PublishedRelease, restore_matches, restore_releases

from .conftest import DAYS, changed, clear, offered, published, told, withdrawn

STEPS: list[dict[str, Any]] = [
    {"state": "proposed", "version": 1},
    {"state": "accepted", "version": 1, "quantity": 9},
    {"state": "accepted", "version": 2, "quantity": 9},
    {"state": "refused", "version": 2},
    {"state": "lapsed", "version": 2},
    {"state": "declined", "version": 2},
    {"state": "declined", "version": 3},
    {"state": "sent", "version": 3, "quantity": 9, "sent": 8},
    {"state": "received", "version": 4, "quantity": 9, "sent": 8, "received": 7},
    {"state": "received", "version": 4, "quantity": 9, "sent": 9, "received": 0},
    {"state": "closed", "version": 5, "quantity": 9, "sent": 9, "received": 9},
    {"state": "closed", "version": 3, "quantity": 9, "sent": 0, "received": 0},
    {"state": "closed", "version": 4, "quantity": 9, "sent": 8, "received": 0},
]


def held(need_id: UUID, pledge_id: UUID, match_id: UUID | None = None, **stated: Any) -> PublishedMatch:
    nothing: dict[str, Any] = {"quantity": 10, "sent": None, "received": None, "need_ended": None}
    return PublishedMatch(match_id=match_id or new_id(), need_id=need_id, pledge_id=pledge_id, **nothing | stated)


def recall(database: RolledBack, *lines: PublishedMatch, replayed: bool = True) -> dict[str, int]:
    with database.begin() as session:
        return dict(restore_matches(session, lines, 3 * DAYS, replayed=replayed))


@contextmanager
def adding_up(database: RolledBack) -> Iterator[None]:
    """In the end the book adds up, once what keeps its figures has run and everything is cleared."""
    yield
    while clear(database):
        pass
    with database.begin() as session:
        session.execute(text("DELETE FROM to_clear"))
        balance.update_balance(session)
        fairness.count_helped_needs(session)
        classes.update_classes(session)
        assert {finding.check.code: finding.row for finding in run_checks(session) if finding.row} == {}


@pytest.mark.parametrize("step", STEPS)
def test_match_missing_in_the_backup_is_restored(database: RolledBack, step: dict[str, Any]) -> None:
    need, pledge = published(quantity=10), offered(quantity=10)
    with adding_up(database):
        with database.begin() as session:
            intake.book_needs(session, [need])
            intake.book_pledges(session, [pledge])
        line = held(need.need_id, pledge.pledge_id, **step)
        assert recall(database, line) == {"recalled": 1}
        assert recall(database, line) == {"known": 1}
        with database.begin() as session:
            [row] = session.execute(text("SELECT id, state, version FROM matches")).all()
            assert session.scalar(text("SELECT send_by > now() + interval '13 days' FROM matches")) is (
                True if row.state == "accepted" else None
            )
        is_over = step["state"] in {"refused", "lapsed", "declined", "closed"}
        assert row == (line.match_id, step["state"], step["version"] + (0 if is_over else SKIPPED_VERSIONS))


@pytest.mark.parametrize("step", STEPS[2:])
@pytest.mark.parametrize("replayed", [False, True])
def test_match_proposed_in_the_backup_gets_its_later_step(database: RolledBack, step: dict[str, Any], replayed: bool) -> None:
    need, pledge = published(quantity=10), offered(quantity=10)
    with adding_up(database):
        with database.begin() as session:
            intake.book_needs(session, [need])
            intake.book_pledges(session, [pledge])
        assert clear(database) == 1
        with database.begin() as session:
            [match_id] = session.scalars(text("SELECT id FROM matches")).all()
        assert recall(database, held(need.need_id, pledge.pledge_id, match_id, **step), replayed=replayed) == {"recalled": 1}


def test_restored_proposals_wait_for_replayed_needs(database: RolledBack) -> None:
    need, pledge = published(quantity=10), offered(quantity=10)
    with database.begin() as session:
        intake.book_pledges(session, [pledge])
    lines = [held(need.need_id, pledge.pledge_id, **step) for step in STEPS[1:2]]
    assert recall(database, *lines, replayed=False) == {"left": 1}
    with database.begin() as session:
        intake.book_needs(session, [need])
    lines = [held(need.need_id, pledge.pledge_id, **STEPS[0])]
    assert recall(database, *lines, replayed=False) == {"left": 1}
    assert recall(database, *lines) == {"recalled": 1}


def test_restored_proposal_with_an_unheard_end_lapses(database: RolledBack) -> None:
    needs, pledges = [published(quantity=10) for _ in range(2)], [offered(quantity=10) for _ in range(2)]
    with adding_up(database):
        with database.begin() as session:
            intake.book_needs(session, needs)
            intake.book_pledges(session, pledges)
            intake.end_needs(session, [withdrawn(needs[0])])
            intake.change_pledge(session, changed(pledges[1], quantity=4))
        lines = [held(need.need_id, pledge.pledge_id, **STEPS[0]) for need, pledge in zip(needs, pledges, strict=True)]
        assert recall(database, *lines) == {"recalled": 2}
        assert {(event.match_id, event.version, event.reason) for event in told(database, MatchLapsed)} == {
            (lines[0].match_id, 2, "need_closed"), (lines[1].match_id, 2, "pledge_changed"),
        }  # fmt: skip


def test_pledger_learns_the_end_of_a_restored_need(database: RolledBack) -> None:
    need, pledge = published(quantity=10), offered(quantity=10)
    with adding_up(database):
        with database.begin() as session:
            intake.book_needs(session, [need])
            intake.book_pledges(session, [pledge])
            intake.end_needs(session, [withdrawn(need)])
        recall(database, held(need.need_id, pledge.pledge_id, **STEPS[2], need_ended="need_withdrawn"))
        [event] = told(database, MatchNeedEnded)
        assert (event.version, event.reason) == (3, "need_withdrawn")


def test_lowered_pledge_publishes_its_promised_quantity(database: RolledBack) -> None:
    need, pledge = published(quantity=10), offered(quantity=10)
    with adding_up(database):
        with database.begin() as session:
            intake.book_needs(session, [need])
            intake.book_pledges(session, [pledge])
            intake.change_pledge(session, changed(pledge, version=2, quantity=4))
        recall(database, held(need.need_id, pledge.pledge_id, **STEPS[2]))
    assert [(event.version, event.quantity, event.accepted) for event in told(database, PledgeReleased)] == [(1, 4, 0), (2, 9, 9)]


def test_restored_release_has_an_unseen_version(database: RolledBack) -> None:
    pledge = offered()
    heard = PublishedRelease(pledge_id=pledge.pledge_id, version=4, answers=1, resting=True)
    with database.begin() as session:
        intake.book_pledges(session, [pledge])
        assert restore_releases(session, [heard]) == {"released": 1}
        assert restore_releases(session, [heard]) == {"released": 0}
    [event] = told(database, PledgeReleased)
    assert (event.version, event.resting) == (5, False)


def test_answer_with_a_forgotten_version_is_published_again(database: RolledBack) -> None:
    pledge = offered()
    forgotten = PublishedRelease(pledge_id=pledge.pledge_id, version=1, answers=1, resting=True)
    with database.begin() as session:
        intake.book_pledges(session, [pledge])
        intake.change_pledge(session, changed(pledge, version=2))
        assert restore_releases(session, [forgotten]) == {"released": 1}
        assert restore_releases(session, [forgotten]) == {"released": 0}
        heard = PublishedRelease(pledge_id=pledge.pledge_id, version=2, answers=2, resting=False)
        assert restore_releases(session, [heard]) == {"released": 0}
    assert [(event.version, event.answers) for event in told(database, PledgeReleased)] == [(1, 2), (2, 2)]


@pytest.mark.parametrize(
    ("step", "reason", "barred"),
    [
        ({"state": "proposed", "version": 1}, None, False),
        ({"state": "accepted", "version": 1, "quantity": 9}, None, False),
        ({"state": "refused", "version": 2}, "other", True),
        ({"state": "declined", "version": 3}, "other", True),
        ({"state": "lapsed", "version": 2}, "pledge_changed", False),
        ({"state": "closed", "version": 5, "quantity": 9, "sent": 9, "received": 9}, "delivered", False),
        ({"state": "closed", "version": 5, "quantity": 9, "sent": 8, "received": 5}, "partly_delivered", True),
        ({"state": "closed", "version": 3, "quantity": 9, "sent": 0, "received": 0}, "not_deliverable", True),
    ],
)
def test_restored_match_bars_its_pair_as_one_that_went_on(
    database: RolledBack, step: dict[str, Any], reason: str | None, barred: bool
) -> None:
    need, pledge = published(quantity=9), offered(quantity=9)
    with database.begin() as session:
        intake.book_needs(session, [need])
        intake.book_pledges(session, [pledge])
    assert recall(database, held(need.need_id, pledge.pledge_id, **{"quantity": 9} | step)) == {"recalled": 1}
    with database.begin() as session:
        assert session.execute(text("SELECT ended_because, barred FROM matches")).one() == (reason, barred)
