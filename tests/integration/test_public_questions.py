"""No question of a guest reads many more rows than it gives, whatever its parameters. `make bench-public` asks a million rows."""

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass

import pytest

from bench.public_questions import plans
from bench.public_questions.fill import fill
from bench.public_questions.former import FORMER, asked_as_before, build_indexes
from bench.public_questions.questions import GENEROUS, Question, client_of, questions
from chassis.testing.fixtures import Client, RolledBack
from chassis.testing.rows_read import rows_read
from deploy.services import services

ROWS = 4_000
SIZES = {"cities": 3, "towns": 1, "months": 12}
QUESTIONS = questions(ROWS, SIZES["months"])


@dataclass
class Asked:
    """A filled service."""

    database: RolledBack
    client: Client
    operations: set[str]


@pytest.fixture(scope="module")
def asked(database_of: Callable[[str, str], str]) -> Iterator[Callable[[str], Asked]]:
    """Return `asked(service)`: the service with rows for the worst cases, filled once."""
    found: dict[str, Asked] = {}
    trials = []

    def ask(service: str) -> Asked:
        if service not in found:
            database = RolledBack(database_of(service, f"{service}_public"), name="public", statement_timeout_ms=0)
            trial = database.trial()
            trial.__enter__()
            trials.append((trial, database))
            with database.begin() as session:
                fill(session, service, ROWS, **SIZES)
            client, operations = client_of(service, database)
            found[service] = Asked(database, client, operations)
        return found[service]

    with pytest.MonkeyPatch.context() as patch:
        for name, figure in GENEROUS.items():
            patch.setenv(name, figure)
        yield ask
    for trial, database in trials:
        trial.__exit__(None, None, None)
        database.close()


SERVICES = [name for name, service in services().items() if service.answers]


@pytest.mark.parametrize("service", SERVICES)
def test_public_questions_read_ten_rows_for_each_they_give(asked: Callable[[str], Asked], service: str) -> None:
    those = [question for question in QUESTIONS if question.operation in asked(service).operations]
    assert {question.operation for question in those} == asked(service).operations
    excess = [said for question in those if (said := find_excess(asked(service), question))]
    assert not excess, "\n".join(excess)


def find_excess(service: Asked, question: Question, is_former: bool = False) -> str | None:
    """Ask, and say how many rows too many were read; None if not too many were."""
    with service.database.case(), asked_as_before(question.operation) if is_former else nullcontext():
        with rows_read(service.database.engine) as reading:
            answer = question.ask(service.client)
        bound = question.bound(answer)
    if reading.rows <= bound:
        return None
    return f"{question.operation}, {question.worst}: {reading.rows} rows instead of at most {bound}; {reading.largest_scan()}"


without = pytest.mark.xfail(strict=True, raises=AssertionError, reason="without listings, sums, months or indexes too much is read")


@pytest.mark.parametrize("operation", [pytest.param(name, marks=without) for name in FORMER])
def test_a_question_asked_as_before(asked: Callable[[str], Asked], operation: str) -> None:
    [service] = [name for name in SERVICES if operation in asked(name).operations]
    with asked(service).database.case():
        build_indexes(asked(service).database, service)
        those = [question for question in QUESTIONS if question.operation == operation]
        assert [said for question in those if (said := find_excess(asked(service), question, is_former=True))] == []


@pytest.mark.parametrize("question", plans.HOTTEST)
def test_the_hottest_questions_keep_their_plans(asked: Callable[[str], Asked], question: str) -> None:
    needs = asked("needs")
    with needs.database.case():
        found = plans.describe_plans(needs.client, needs.database.engine, question)
    assert found == plans.file_of(question).read_text("utf-8"), "if it is meant: python -m bench.public_questions.plans"


def test_every_question_is_of_a_public_operation(asked: Callable[[str], Asked]) -> None:
    known = {operation for service in SERVICES for operation in asked(service).operations}
    assert {question.operation for question in QUESTIONS} == known
