"""No question of an auditor reads many more entries than it gives. `make bench-audit-log` asks a million."""

from collections.abc import Callable, Iterator

import pytest

from bench.audit_log import Question, ask, fill, open_client, questions
from bench.public_questions.questions import GENEROUS
from chassis.testing.campaigns import WHOLE
from chassis.testing.fixtures import Client, RolledBack, auditor_of
from chassis.testing.postgres import Postgres
from chassis.testing.rows_read import rows_read

ROWS = 1_000_000 if WHOLE else 20_000
OF_ONE_CONDITION = [question for question in questions(ROWS) if question.conditions == 1]
INDEXES = [
    *(f"entries_region_{length}" for length in (2, 4, 6, 9)), "entries_region", "entries_person", "entries_actor", "entries_act"
]  # fmt: skip


@pytest.fixture(scope="module")
def filled(postgres: Postgres, database_of: Callable[[str, str], str]) -> Iterator[tuple[RolledBack, str]]:
    with pytest.MonkeyPatch.context() as patch:
        for name, figure in GENEROUS.items():
            patch.setenv(name, figure)
        database = RolledBack(database_of("needs", "needs_audit_questions"), name="audit", statement_timeout_ms=0)
        owner = postgres.url("needs_audit_questions")
        fill(owner, ROWS)
        yield database, owner
        database.close()


def find_excess(database: RolledBack, client: Client, question: Question) -> str | None:
    """Ask, and say how many entries too many were read; None if not too many were."""
    auditor = auditor_of(database, question.region)
    with rows_read(database.engine) as reading:
        given = ask(client, auditor, question)
    if reading.rows <= question.bound(given):
        return None
    return f"{question.name}: {reading.rows} rows instead of at most {question.bound(given)}; {reading.largest_scan()}"


@pytest.mark.timeout(600)
def test_auditors_questions_read_ten_rows_for_each_they_give(filled: tuple[RolledBack, str]) -> None:
    database, _ = filled
    with database.trial():
        client = open_client(database)
        assert [said for question in OF_ONE_CONDITION if (said := find_excess(database, client, question))] == []


@pytest.mark.timeout(600)
@pytest.mark.parametrize("index", INDEXES)
def test_without_an_index_some_question_reads_too_much(filled: tuple[RolledBack, str], index: str) -> None:
    owner = RolledBack(filled[1], name="audit", statement_timeout_ms=0)
    with owner.trial(), owner.begin() as session:
        session.connection().exec_driver_sql(f"DROP INDEX audit.{index}")
        client = open_client(owner)
        assert any(find_excess(owner, client, question) for question in OF_ONE_CONDITION)
    owner.close()
