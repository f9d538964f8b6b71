"""Typical days: within how many whole days after its publication half of the needs had their first accepted match."""

from datetime import date

from sqlalchemy import text
from sqlalchemy.orm import Session

from chassis.database import now

MONTHS = 3
"""How many months before the present one count: what was long ago says little about how long it takes today."""

_TYPICAL = text(
    """
    WITH counted AS (
        SELECT region, category, days, sum(needs) AS needs FROM balance_days
        JOIN unnest(CAST(:regions AS text[]) COLLATE "C", CAST(:categories AS text[]) COLLATE "C") AS asked (region, category)
        USING (region, category)
        WHERE month >= :since GROUP BY region, category, days
    ),
    ranked AS (
        SELECT region, category, days, sum(needs) OVER (PARTITION BY region, category ORDER BY days) AS within,
            sum(needs) OVER (PARTITION BY region, category) AS whole
        FROM counted
    )
    SELECT region, category, min(days) AS days, max(whole) AS whole FROM ranked
    WHERE within * 2 >= whole AND whole > 0 GROUP BY region, category
    """
)


def typical(session: Session, places: set[tuple[str, str]]) -> dict[tuple[str, str], tuple[int, int]]:
    """For each (region, category) that has any: the median days, and of how many needs."""
    listed = sorted(places)
    stated = {"regions": [region for region, _ in listed], "categories": [category for _, category in listed], "since": _since()}
    return {(row.region, row.category): (row.days, int(row.whole)) for row in session.execute(_TYPICAL, stated)}


def _since() -> date:
    today = now().date()
    months = 12 * today.year + today.month - 1 - MONTHS
    return date(months // 12, months % 12 + 1, 1)
