"""Needs that expired or were met get nothing more; what was accepted stays, and its giver is told."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import text

from chassis.http.auth import Caller
from chassis.testing.fixtures import RolledBack
from contracts.matching import MatchLapsed, MatchNeedEnded
from contracts.needs import NeedExpired, NeedMet, NeedPublished
from matching.intake import actions
from matching.matches.actions import answers
from matching.worker import Worker

from .conftest import clear, offered, published, told

End = NeedExpired | NeedMet


def over(kind: type[End], need: NeedPublished) -> End:
    moment = "expired_at" if kind is NeedExpired else "met_at"
    stated = {name: getattr(need, name) for name in need.__struct_fields__ if name in kind.__struct_fields__}
    return kind(**stated | {"version": need.version + 1, moment: datetime.now(UTC)})


@pytest.mark.parametrize("kind", [NeedExpired, NeedMet])
def test_need_that_is_over_releases_proposals_and_keeps_promises(database: RolledBack, kind: type[End]) -> None:
    need, first, second = published(quantity=50), offered(quantity=20), offered(quantity=30)
    with database.begin() as session:
        actions.book_needs(session, [need])
        actions.book_pledges(session, [first, second])
    assert clear(database) == 2
    with database.begin() as session:
        accepted = session.scalar(text("SELECT id FROM matches WHERE pledge_id = :id"), {"id": first.pledge_id})
        assert accepted
        answers.accept_match(session, Caller(first.pledger_id, "donor", session), accepted, None)
    with database.begin() as session:
        Worker().on_need_over(session, [over(kind, need)])
    [lapsed], [ended] = told(database, MatchLapsed), told(database, MatchNeedEnded)
    assert (lapsed.pledge_id, lapsed.reason) == (second.pledge_id, "need_closed")
    assert (ended.pledge_id, ended.reason) == (first.pledge_id, "need_closed")
    with database.begin() as session:
        assert session.scalar(text("SELECT rest FROM pledges WHERE id = :id"), {"id": second.pledge_id}) == 30
    assert clear(database) == 0


def test_end_that_is_heard_before_the_need_wins(database: RolledBack) -> None:
    need = published()
    with database.begin() as session:
        actions.book_pledges(session, [offered()])
        Worker().on_need_over(session, [over(NeedExpired, need)])
        actions.book_needs(session, [need])
    assert clear(database) == 0
