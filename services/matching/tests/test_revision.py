"""Revision: an unanswered proposal may go once to a critical need that has nothing; each person is notified once."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import text

from chassis.data.database import Database, now
from chassis.http.auth import Caller
from chassis.testing.fixtures import RolledBack, assert_retold
from contracts.matching import BalanceChanged, MatchProposed, MatchRevised
from matching.clearing import actions, revision
from matching.matches.actions import answers
from matching.snapshots import SNAPSHOTS

from .conftest import DAYS, offered, published, told
from .test_audit import offending
from .test_balance import book, run

LONG = now() - revision.WAITED * 2


def critical(**changes: Any) -> Any:
    return published(**{"urgency": "critical", "published_at": LONG, "posted_at": LONG} | changes)


def settle(database: Database) -> None:
    while True:
        with database.begin() as session:
            session.execute(text("UPDATE to_clear SET due_at = now()"))
            if not actions.clear(session, 3 * DAYS).due:
                return


def revise(database: Database) -> bool:
    with database.begin() as session:
        return revision.revise_proposal(session, 3 * DAYS)


@pytest.fixture
def taken(database: RolledBack) -> RolledBack:
    """The only pledge was proposed to an ordinary need, then a critical one came."""
    book(database, [published(quantity=20)], [offered(quantity=20)])
    settle(database)
    book(database, [critical()])
    settle(database)
    return database


def test_proposal_to_a_partly_met_ordinary_need_is_revised(database: RolledBack) -> None:
    book(database, [published(quantity=30)], [offered(quantity=20)])
    settle(database)
    book(database, [critical()])
    settle(database)
    assert revise(database)


def test_critical_need_gets_the_proposal_of_an_ordinary_one(taken: RolledBack) -> None:
    assert revise(taken) == 1
    settle(taken)
    first, second = told(taken, MatchProposed)
    [revised] = told(taken, MatchRevised)
    assert (revised.match_id, revised.version) == (first.match_id, 2)
    with taken.begin() as session:
        ended = text("SELECT ended_because, barred FROM matches WHERE id = :id")
        assert session.execute(ended, {"id": first.match_id}).one() == ("revised", True)
    assert (second.pledge_id, second.quantity, second.need_id) == (first.pledge_id, 20, told(taken, MatchProposed)[1].need_id)
    assert {"urgency": "critical"}.items() <= {reason.code: reason.value for reason in second.reasons}.items()
    assert offending(taken) == {}


def test_revision_is_republished_unchanged(taken: RolledBack) -> None:
    revise(taken)
    assert MatchRevised in {type(event) for event in assert_retold(taken, SNAPSHOTS, restated={BalanceChanged})}


def test_a_pledge_is_revised_once(taken: RolledBack) -> None:
    assert revise(taken) == 1
    run(taken, "UPDATE needs SET urgency = 1 WHERE urgency = 4")
    book(taken, [critical()])
    settle(taken)
    assert revise(taken) == 0


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE needs SET urgency = 2 WHERE urgency = 1",
        "UPDATE needs SET urgency = 2 WHERE urgency = 4",
        "UPDATE needs SET published_at = now(), posted_at = now() WHERE urgency = 4",
        "UPDATE needs SET rest = 19, quantity = 19 WHERE urgency = 4",
        "UPDATE needs SET rest = 30 WHERE urgency = 4",
        "UPDATE needs SET region = '330106001001' WHERE urgency = 4",
        "UPDATE needs SET category = 'food.oil' WHERE urgency = 4",
        "UPDATE needs SET ended = true, rest = 0 WHERE urgency = 4",
        "UPDATE matches SET reminded_at = now()",
        "UPDATE matches SET proposed_at = now() - interval '2 days', answer_by = now() + interval '1 day'",
        "UPDATE pledges SET valid_until = now() + interval '2 days'",
        "INSERT INTO matches SELECT (matches).* FROM (SELECT jsonb_populate_record(matches, jsonb_build_object('id', gen_random_uuid(),"
        " 'state', 'lapsed', 'barred', true, 'need_id', (SELECT id FROM needs WHERE urgency = 4))) AS matches FROM matches) AS barred",
        "INSERT INTO to_clear (side, id) SELECT 'need', id FROM needs WHERE urgency = 4",
    ],
)
def test_no_revision_without_need_or_late_or_partial(taken: RolledBack, change: str) -> None:
    run(taken, change)
    assert revise(taken) == 0
    assert told(taken, MatchRevised) == []


def test_answered_proposal_is_never_revised(taken: RolledBack) -> None:
    [proposal] = told(taken, MatchProposed)
    with taken.begin() as session:
        answers.accept_match(session, Caller(proposal.pledger_id, "donor", session), proposal.match_id)
    assert revise(taken) == 0


def test_failed_revision_changes_nothing(taken: RolledBack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(actions, "clear_needs", lambda *_: 0)
    assert revise(taken) == 0
    assert told(taken, MatchRevised) == []
    with taken.begin() as session:
        assert session.scalar(text("SELECT state FROM matches")) == "proposed"


def test_two_critical_needs_do_not_get_the_same(taken: RolledBack) -> None:
    book(taken, [critical()])
    settle(taken)
    assert revise(taken) == 1
    assert offending(taken) == {}


def test_each_revision_is_a_transaction_of_its_own(taken: RolledBack) -> None:
    book(taken, [published(quantity=20, category="food.oil", unit="l")], [offered(quantity=20, category="food.oil", unit="l")])
    settle(taken)
    book(taken, [critical(category="food.oil", unit="l")])
    settle(taken)
    assert [(revise(taken), len(told(taken, MatchRevised))) for _ in range(3)] == [(True, 1), (True, 2), (False, 2)]


def test_unmatchable_critical_needs_do_not_block_others(taken: RolledBack) -> None:
    older = LONG - DAYS
    book(taken, [critical(category="aid.chair", unit="item", posted_at=older, published_at=older) for _ in range(revision.ROWS_READ)])
    settle(taken)
    assert any(revise(taken) for _ in range(20))


def test_concurrent_revision_leaves_a_consistent_book(database_of: Callable[[str, str], str]) -> None:
    database = Database(database_of("matching", "matching_revising"), name="revising", pool_size=20)
    book(database, [published(quantity=2) for _ in range(40)], [offered(quantity=2) for _ in range(40)])
    settle(database)
    book(database, [critical(quantity=2) for _ in range(30)])
    settle(database)
    with database.begin() as session:
        proposals = session.execute(text("SELECT id, pledger_id FROM matches ORDER BY random() LIMIT 20")).all()

    def accept(match: Any) -> bool:
        try:
            with database.begin() as session:
                answers.accept_match(session, Caller(match.pledger_id, "donor", session), match.id)
        except Exception as refused:
            assert getattr(refused, "code", None) == "state_conflict"
            return False
        return True

    def go_on(_: int) -> int:
        with database.begin() as session:
            actions.clear(session, 3 * DAYS)
        return revise(database)

    with ThreadPoolExecutor(8) as pool:
        revised = pool.map(go_on, range(12))
        accepted = pool.map(accept, proposals)
        total, kept = sum(revised), sum(accepted)
    settle(database)
    total += revise(database)
    assert offending(database) == {}
    with database.begin() as session:
        assert session.scalar(text("SELECT count(*) FROM matches WHERE ended_because = 'revised'")) == total >= 1
        assert session.scalar(text("SELECT count(*) FROM matches WHERE state = 'accepted'")) == kept
    database.close()
