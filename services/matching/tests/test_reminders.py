"""Reminders: an unanswered proposal is reminded of once, before it lapses."""

from datetime import timedelta

import pytest
from sqlalchemy import text

from chassis.testing.fixtures import RolledBack, assert_retold
from contracts.matching import MatchProposed, MatchReminded
from matching.intake import actions
from matching.matches import reminders
from matching.snapshots import SNAPSHOTS

from .conftest import clear, offered, published, told

HOUR = timedelta(hours=1)


@pytest.fixture
def proposal(database: RolledBack) -> RolledBack:
    """A database in which one proposal waits for its answer."""
    with database.begin() as session:
        actions.book_needs(session, [published()])
        actions.book_pledges(session, [offered()])
    assert clear(database) == 1
    return database


def reminded_when(database: RolledBack, waited: timedelta, left: timedelta) -> int:
    with database.begin() as session:
        session.execute(
            text("UPDATE matches SET proposed_at = now() - :waited, answer_by = now() + :left"), {"waited": waited, "left": left}
        )
        return reminders.remind_pledgers(session)


def test_the_pledger_is_reminded_once_a_day_before_the_deadline(proposal: RolledBack) -> None:
    assert reminded_when(proposal, 47 * HOUR, 25 * HOUR) == 0
    assert reminded_when(proposal, 49 * HOUR, 23 * HOUR) == 1
    assert reminded_when(proposal, 50 * HOUR, 22 * HOUR) == 0
    [event] = told(proposal, MatchReminded)
    assert event.version == 2


def test_short_deadline_is_reminded_after_two_thirds(proposal: RolledBack) -> None:
    assert reminded_when(proposal, 5 * HOUR, 3 * HOUR) == 0
    assert reminded_when(proposal, 7 * HOUR, 3 * HOUR) == 1


def test_late_proposal_gets_no_reminder(proposal: RolledBack) -> None:
    assert reminded_when(proposal, 72 * HOUR, -HOUR) == 0


def test_answered_proposal_gets_no_reminder(proposal: RolledBack) -> None:
    with proposal.begin() as session:
        session.execute(text("UPDATE matches SET state = 'accepted', answered_at = now()"))
    assert reminded_when(proposal, 71 * HOUR, HOUR) == 0


def test_a_reminder_is_told_anew_as_it_was_told(proposal: RolledBack) -> None:
    reminded_when(proposal, 71 * HOUR, HOUR)
    assert {type(event).__name__ for event in assert_retold(proposal, SNAPSHOTS, {MatchProposed})} == {"MatchReminded", "MatchProposed"}
