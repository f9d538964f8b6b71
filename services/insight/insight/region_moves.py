"""Rows of insight that follow a region to its successor; the days that they were counted in are counted again.

People and households are marked stale: counting moves their figures and activity from where they were counted last.
"""

from collections.abc import Mapping

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from chassis.data.region_moves import RegionMove, array_parameters
from insight.counting import count_cells

_LOCK = select(func.pg_advisory_xact_lock(func.hashtext("insight.counting")))
_MOVE_MARKED = """
    WITH moving AS (
        SELECT held.id, change.after FROM unnest(CAST(:before AS text[]), CAST(:after AS text[])) AS change (before, after)
        JOIN {table} AS held ON held.region = change.before COLLATE "C" ORDER BY held.id LIMIT :rows FOR UPDATE OF held
    ),
    moved AS (UPDATE {table} AS held SET region = moving.after FROM moving WHERE held.id = moving.id),
    marked AS (INSERT INTO stale (kind, thing) SELECT '{kind}', id FROM moving)
    SELECT count(*) FROM moving
"""
_MOVE_COUNTED = """
    WITH moving AS (
        SELECT held.id, change.before, change.after, {days} AS days
        FROM unnest(CAST(:before AS text[]), CAST(:after AS text[])) AS change (before, after)
        JOIN {table} AS held ON held.region = change.before COLLATE "C" ORDER BY held.id LIMIT :rows FOR UPDATE OF held
    ),
    moved AS (UPDATE {table} AS held SET region = moving.after FROM moving WHERE held.id = moving.id)
    SELECT before, after, days FROM moving
"""
_MARKED = tuple(text(_MOVE_MARKED.format(table=table, kind=kind)) for table, kind in (("people", "person"), ("households", "household")))
_COUNTED = tuple(
    text(_MOVE_COUNTED.format(table=table, days=days))
    for table, days in (("needs", "ARRAY[held.day, held.ended_on]"), ("objections", "ARRAY[held.day]"))
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
