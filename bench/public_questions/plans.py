"""The plans of the hottest questions to the hall, kept in `plans/`: `python -m bench.public_questions.plans` writes them anew.

A plan is its nodes, with the tables and indexes that they read. Figures are left out, because they differ from run to run.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from chassis.testing.fixtures import Client
from chassis.testing.rows_read import rows_read

KEPT = Path(__file__).with_name("plans")
ROWS = 4_000
HOTTEST: dict[str, tuple[str, dict[str, Any]]] = {
    "everything": ("/v1/needs", {}),
    "a region": ("/v1/needs", {"region": "510903"}),
    "a region and an item": ("/v1/needs", {"region": "5109", "category": "food.rice"}),
    "what is open and urgent": ("/v1/needs", {"region": "51", "open": "true", "urgencies": "critical,urgent"}),
    "the most urgent": ("/v1/needs", {"region": "51", "sort": "most_urgent"}),
    "the longest waiting": ("/v1/needs", {"sort": "longest_waiting"}),
    "the nearest": ("/v1/needs", {"sort": "nearest", "near": "510903001"}),
    "words of an item": ("/v1/needs", {"q": "大米", "region": "51"}),
    "several categories": ("/v1/needs", {"region": "51", "categories": "food,clothing,medical"}),
    "counts of a region": ("/v1/needs/counts", {"region": "510903"}),
}


def describe_plans(client: Client, engine: Any, question: str) -> str:
    """Ask a question and describe the plans of its statements, but for settings."""
    path, query = HOTTEST[question]
    with rows_read(engine) as reading:
        answer = client.get(path, **query)
    assert answer.status_code == 200, answer.text
    read = [plan for statement, plan in reading.plans if "set_config" not in statement]
    return "\n".join(line for plan in read for line in [*_describe(plan), ""])


def _describe(plan: dict[str, Any], depth: int = 0) -> Iterator[str]:
    """Yield a line for each node; of equal neighbours one, since a merge may have a hundred ranges."""
    of = plan.get("Index Name") or plan.get("Relation Name") or plan.get("Function Name")
    yield "  " * depth + plan["Node Type"] + (f" {of}" if of else "")
    seen: list[str] = []
    for part in plan.get("Plans", []):
        lines = list(_describe(part, depth + 1))
        if lines != seen:
            yield from lines
        seen = lines


def file_of(question: str) -> Path:
    """Return the file of a question's plans."""
    return KEPT / f"{question.replace(' ', '_')}.txt"


def main() -> None:
    # Settings of the environment have to stand before the services are imported.
    from bench.public_questions import __main__ as asking
    from bench.public_questions.fill import fill
    from bench.public_questions.questions import GENEROUS, client_of
    from chassis.data.database import Database
    from chassis.testing import postgres
    from chassis.testing.templates import create_and_migrate

    os.environ.update(GENEROUS)
    with postgres.start(durable=False) as server:
        database = Database(create_and_migrate(server, "needs", "needs"), name="plans", statement_timeout_ms=0)
        with database.begin() as session:
            fill(session, "needs", ROWS, cities=3, towns=1, months=asking.SIZES["months"])
        # Each plan holds the look-up of region codes, whatever was asked before.
        database.remembered_seconds = 0.0
        client, _ = client_of("needs", database)
        KEPT.mkdir(exist_ok=True)
        for question in HOTTEST:
            file_of(question).write_text(describe_plans(client, database.engine, question), "utf-8")
        database.close()


if __name__ == "__main__":
    main()
