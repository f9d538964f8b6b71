"""Work that one process at a time does: while a process is at it, another one leaves it alone."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from chassis.data.database import Database
from chassis.testing.twins import unguarded
from matching.balance import actions as balance
from matching.checks import actions as checks
from matching.clearing import revision
from matching.fairness import actions as fairness

from .conftest import DAYS, offered, published
from .test_balance import book, run
from .test_revision import critical, settle

EVERYBODY = text("SELECT true")


@pytest.fixture
def real(database_of: Callable[[str, str], str]) -> Iterator[Database]:
    database = Database(database_of("matching", "matching_one_at_a_time"), name="one_at_a_time", lock_timeout_ms=5_000)
    yield database
    database.close()


def audit(session: Session) -> int:
    """Run the audit; return 1 if it stored a report."""
    query = text("SELECT completed_at FROM audit_report")
    before = session.scalar(query)
    checks.report_audit(session)
    return int(session.scalar(query) != before)


def begin_audit(session: Session) -> None:
    """Take the audit's lock alone: a whole audit would hold its report too, which another one waits for."""
    session.execute(checks._LOCK)


def revise(session: Session) -> int:
    return int(revision.revise_proposal(session, 3 * DAYS))


@pytest.mark.parametrize(
    ("module", "begin", "work"),
    [
        (balance, balance.update_balance, balance.update_balance),
        (fairness, fairness.count_helped_needs, fairness.count_helped_needs),
        (revision, revise, revise),
        (checks, begin_audit, audit),
    ],
    ids=lambda one: getattr(one, "__name__", None),
)
@pytest.mark.parametrize(
    "guarded",
    [
        True,
        unguarded(False, "without the advisory lock, both do the work"),
    ],
)
def test_second_process_leaves_the_work_to_the_first(
    real: Database, monkeypatch: pytest.MonkeyPatch, module: Any, begin: Any, work: Any, guarded: bool
) -> None:
    if not guarded:
        monkeypatch.setattr(module, "_LOCK", EVERYBODY)
    with real.begin() as first:
        begin(first)
        book(real, [published(quantity=20)], [offered(quantity=20)])
        settle(real)
        book(real, [critical()])
        settle(real)
        run(real, "UPDATE matches SET state = state")
        with real.begin() as second:
            assert work(second) == 0
    with real.begin() as session:
        assert work(session) > 0
