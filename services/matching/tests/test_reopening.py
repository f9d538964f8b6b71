"""Needs that open again take part in clearing once more, and what was promised to them is wanted."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from chassis.data.database import new_id
from chassis.http.auth import Caller
from chassis.testing.fixtures import RolledBack, assert_retold
from chassis.testing.twins import altered, unguarded
from contracts.matching import MatchAccepted, MatchLapsed, MatchNeedEnded, MatchNeedReopened, MatchProposed
from contracts.needs import NeedExpired, NeedMet, NeedPublished, NeedReopened
from matching.holds import actions as holds
from matching.intake import actions
from matching.matches import unsent
from matching.matches.actions import answers
from matching.snapshots import SNAPSHOTS
from matching.worker import Worker

from .conftest import VILLAGE, clear, offered, published, told
from .test_audit import offending
from .test_need_over import over


def reopened(need: NeedPublished, version: int, **changes: Any) -> NeedReopened:
    at = datetime.now(UTC)
    stated = {name: getattr(need, name) for name in need.__struct_fields__ if name in NeedReopened.__struct_fields__}
    again = {"version": version, "reason": "renewed", "expires_at": at + timedelta(days=60), "reopened_by": None, "reopened_at": at}
    return NeedReopened(**stated | again | changes)


def hear(database: RolledBack, handler: str, *events: Any) -> None:
    with database.begin() as session:
        getattr(Worker(), handler)(session, list(events))


def rest(database: RolledBack, need: NeedPublished) -> int | None:
    with database.begin() as session:
        found: int | None = session.scalar(text("SELECT rest FROM needs WHERE id = :id AND NOT ended"), {"id": need.need_id})
    return found


@pytest.fixture
def need(database: RolledBack) -> NeedPublished:
    """A need of 50, of which 20 are promised, and which has expired then."""
    need, pledge = published(quantity=50), offered(quantity=20)
    with database.begin() as session:
        actions.book_needs(session, [need])
        actions.book_pledges(session, [pledge])
    clear(database)
    with database.begin() as session:
        match = session.scalar(text("SELECT id FROM matches"))
        assert match
        answers.accept_match(session, Caller(pledge.pledger_id, "donor", session), match, None)
    hear(database, "on_need_over", over(NeedExpired, need))
    assert (rest(database, need), len(told(database, MatchNeedEnded))) == (None, 1)
    return need


def test_reopened_need_is_matched_again(database: RolledBack, need: NeedPublished) -> None:
    with database.begin() as session:
        session.execute(text("UPDATE matches SET send_by = now() - interval '1 day'"))
    hear(database, "on_need_reopened", reopened(need, 5))
    assert rest(database, need) == 30
    [told_giver] = told(database, MatchNeedReopened)
    assert (told_giver.need_id, told_giver.quantity) == (need.need_id, 20)
    with database.begin() as session:
        assert unsent.end_unsent_matches(session) == 0, "the giver was told that nobody needs it"
        unsent.set_missing_deadlines(session)
    with database.begin() as session:
        actions.book_pledges(session, [offered(quantity=100)])
    assert clear(database) == 1
    assert sorted(event.quantity for event in told(database, MatchProposed)) == [20, 30]
    assert offending(database) == {}
    assert_retold(database, SNAPSHOTS, restated=[MatchAccepted])
    hear(database, "on_need_over", over(NeedMet, reopened(need, 5)))
    assert len(told(database, MatchNeedEnded)) == 2, "the giver learns of the second end too"
    assert offending(database) == {}


ENDED = "select(Need.id).where(Need.id.in_(newest), Need.ended)"


@pytest.mark.parametrize("guard", [ENDED, unguarded("select(Need.id).where(Need.id.in_(newest))", "an older end hits the open need")])
def test_older_end_does_not_touch_a_need_that_is_open_again(
    database: RolledBack, need: NeedPublished, monkeypatch: pytest.MonkeyPatch, guard: str
) -> None:
    monkeypatch.setattr(actions, "end_needs", altered(actions.end_needs, ENDED, guard))
    hear(database, "on_need_reopened", reopened(need, 5))
    with database.begin() as session:
        actions.book_pledges(session, [offered(quantity=10)])
    assert clear(database) == 1
    hear(database, "on_need_over", over(NeedMet, need))
    assert (told(database, MatchLapsed), len(told(database, MatchNeedEnded)), rest(database, need)) == ([], 1, 20)


def test_opening_heard_before_everything_else_enters_the_need(database: RolledBack) -> None:
    need = published(quantity=50)
    hear(database, "on_need_reopened", reopened(need, 5))
    hear(database, "on_need_over", over(NeedExpired, need))
    hear(database, "on_need_published", need)
    assert rest(database, need) == 50


def test_need_entered_as_ended_opens_with_its_figures(database: RolledBack) -> None:
    need = published(quantity=50, urgency="critical")
    hear(database, "on_need_over", over(NeedExpired, need))
    hear(database, "on_need_reopened", reopened(need, 5), reopened(need, 4, region=f"{VILLAGE[:9]}999"))
    found = database.found(text("SELECT rest, urgency, region FROM needs WHERE id = :id"), id=need.need_id)
    assert [tuple(row) for row in found] == [(50, 4, VILLAGE)]
    assert offending(database).keys() <= {"need_miscounted", "balance_differs"}


def test_hold_of_before_takes_nothing_from_a_reopened_need(database: RolledBack) -> None:
    need = published(quantity=50)
    hear(database, "on_need_published", need)
    with database.begin() as session:
        holds.open_hold(session, Caller(new_id(), "donor", session), need.need_id, 10)
    hear(database, "on_need_over", over(NeedExpired, need))
    hear(database, "on_need_reopened", reopened(need, 5))
    assert rest(database, need) == 50
    assert "need_unaccounted" not in offending(database)


def test_money_without_a_charity_stays_out(database: RolledBack) -> None:
    need = published(category="money.living", unit="fen", quantity=10_000, charity="慈善会")
    hear(database, "on_need_published", need)
    hear(database, "on_need_over", over(NeedMet, need))
    hear(database, "on_need_reopened", reopened(need, 5, charity=None))
    assert rest(database, need) is None
    hear(database, "on_need_reopened", reopened(need, 6))
    assert rest(database, need) == 10_000


def test_need_opens_again_in_its_present_village(database: RolledBack, need: NeedPublished) -> None:
    hear(database, "on_need_reopened", reopened(need, 5, region="510903002001", household_id=new_id()))
    with database.begin() as session:
        assert session.scalar(text("SELECT region FROM matches WHERE state = 'accepted'")) == "510903002001"
    assert offending(database).keys() <= {"need_miscounted", "balance_differs"}
