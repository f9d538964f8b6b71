"""Rows of insight that follow a region to its successor; the days that they were counted in are counted again.

People and households are marked stale: counting moves their figures and activity from where they were counted last.
"""

from collections.abc import Mapping

from sqlalchemy import TextClause, func, select, text
from sqlalchemy.orm import Session

from chassis.data.region_moves import RegionMove, array_parameters
from insight.counting import count_cells

_LOCK = select(func.pg_advisory_xact_lock(func.hashtext("insight.counting")))
# Rows are chosen by the index on the region, then ordered and locked.
_CHOSEN = """
    chosen AS MATERIALIZED (
        SELECT held.id, change.before, change.after FROM unnest(CAST(:before AS text[]), CAST(:after AS text[])) AS change (before, after)
        JOIN {table} AS held ON held.region = change.before COLLATE "C" LIMIT :rows
    )
"""
_LOCKED = """
    chosen JOIN {table} AS held ON held.id = chosen.id AND held.region = chosen.before COLLATE "C" ORDER BY chosen.id FOR UPDATE OF held
"""
_MOVE_MARKED = """
    WITH {chosen},
    moving AS (SELECT chosen.* FROM {locked}),
    moved AS (UPDATE {table} AS held SET region = moving.after FROM moving WHERE held.id = moving.id),
    marked AS (INSERT INTO stale (kind, thing) SELECT '{kind}', id FROM moving)
    SELECT count(*) FROM moving
"""
_MOVE_COUNTED = """
    WITH {chosen},
    moving AS (SELECT chosen.*, {days} AS days FROM {locked}),
    moved AS (UPDATE {table} AS held SET region = moving.after FROM moving WHERE held.id = moving.id)
    SELECT before, after, days FROM moving
"""


def _fill(statement: str, table: str, **more: str) -> TextClause:
    parts = {"chosen": _CHOSEN.format(table=table), "locked": _LOCKED.format(table=table)}
    return text(statement.format(table=table, **parts, **more))


_MARKED = _fill(_MOVE_MARKED, "people", kind="person"), _fill(_MOVE_MARKED, "households", kind="household")
_COUNTED = (
    _fill(_MOVE_COUNTED, "needs", days="ARRAY[held.day, held.ended_on]"),
    _fill(_MOVE_COUNTED, "objections", days="ARRAY[held.day]"),
)


def move_facts(session: Session, after: Mapping[str, str], rows: int) -> int:
    """Move facts of ended regions; count the days of needs and objections again, in both regions. Waits while another process counts."""
    session.execute(_LOCK)
    given = array_parameters(after) | {"rows": rows}
    moved = sum(session.scalar(statement, given) or 0 for statement in _MARKED)
    cells = set()
    for statement in _COUNTED:
        for before, successor, days in session.execute(statement, given):
            moved += 1
            cells |= {(region, day) for day in days if day is not None for region in (before, successor)}
    count_cells(session, cells)
    return moved


_FACTS = ("people.region", "people.counted", "households.region", "households.counted", "acts.region", "needs.region", "objections.region")
_COUNTS = ("own.region", "totals.region", "month_totals.region")
MOVES = (RegionMove((*_FACTS, *_COUNTS), move_facts),)
