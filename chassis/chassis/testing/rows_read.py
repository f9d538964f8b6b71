"""Counting of the rows that statements read, from the plans with which PostgreSQL ran them."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Engine, event


@dataclass
class Reading:
    """The statements of one act: rows they read in tables and indexes, milliseconds in the database, and their plans."""

    rows: int = 0
    milliseconds: float = 0.0
    plans: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def largest_scan(self) -> str:
        """Name the scan that read most, for the message of a test."""
        scans = [scan for _, plan in self.plans for scan in find_scans(plan)]
        read, scan = max(((count_rows(scan | {"Plans": []}), scan) for scan in scans), key=lambda found: found[0])
        return f"{scan['Node Type']} on {scan.get('Index Name') or scan['Relation Name']}: {round(read)} rows"


@contextmanager
def rows_read(engine: Engine | Connection) -> Iterator[Reading]:
    """Explain each query that is sent inside the block, and add up what the plans read.

    A query runs twice: once for its plan, once for its answer. Statements that change something only run once and are not counted.
    """
    reading = Reading()

    def explain(_: Any, cursor: Any, statement: str, parameters: Any, *__: Any) -> None:
        if not statement.lstrip().upper().startswith(("SELECT", "WITH")) or "FOR UPDATE" in statement:
            return
        [[found]] = cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {statement}", parameters).fetchall()
        plan = found[0]["Plan"]
        reading.plans.append((statement, plan))
        reading.rows += round(count_rows(plan))
        reading.milliseconds += found[0]["Planning Time"] + found[0]["Execution Time"]

    event.listen(engine, "before_cursor_execute", explain)
    try:
        yield reading
    finally:
        event.remove(engine, "before_cursor_execute", explain)


def find_scans(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the nodes of a plan that read a table or an index."""
    if "Relation Name" in plan or "Index Name" in plan:
        yield plan
    for part in plan.get("Plans", []):
        yield from find_scans(part)


def count_rows(plan: dict[str, Any]) -> float:
    """Count the rows that a plan read in tables and indexes, those that a filter removed included."""
    removed = ("Rows Removed by Filter", "Rows Removed by Index Recheck")
    total = 0.0
    for scan in find_scans(plan):
        total += scan["Actual Loops"] * (scan["Actual Rows"] + sum(scan.get(name, 0) for name in removed))
    return total
