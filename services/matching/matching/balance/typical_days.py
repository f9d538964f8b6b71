"""Typical days: the median of whole days from the publication of needs to their first accepted match."""

from datetime import date

from sqlalchemy import text
from sqlalchemy.orm import Session

from chassis.data.database import now

MONTHS = 3
"""Number of months before the present one that count; older needs say little about today."""

# The median of days by region and category: the first day count that covers half of the needs. Days of items stand in `balance_days`,
# those of the groups around them in `group_days`. Each is a range of a key, however many months are kept.
_TYPICAL = text(
    """
    WITH counted AS (
        SELECT asked.region, asked.category, days, sum(needs) AS needs
        FROM unnest(CAST(:regions AS text[]), CAST(:categories AS text[])) AS asked (region, category)
        CROSS JOIN LATERAL (
            SELECT days, needs FROM balance_days
            WHERE region = asked.region COLLATE "C" AND category = asked.category COLLATE "C" AND month >= :since
            UNION ALL
            SELECT days, needs FROM group_days
            WHERE region = asked.region COLLATE "C" AND category = asked.category COLLATE "C" AND month >= :since
        ) AS found
        GROUP BY asked.region, asked.category, days
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


def category_range(category: str) -> dict[str, str]:
    """Return the range of a category and all below it, from `category` to before `behind`.

    In the collation, `/` follows the dot and `~` follows everything.
    """
    return {"category": category, "behind": f"{category}/" if category else "~"}


def load_typical_days(session: Session, places: set[tuple[str, str]]) -> dict[tuple[str, str], tuple[int, int]]:
    """Load the median days and the number of needs for each (region, category) that has any."""
    listed = sorted(places)
    stated = {"regions": [region for region, _ in listed], "categories": [category for _, category in listed], "since": _since()}
    return {(row.region, row.category): (row.days, int(row.whole)) for row in session.execute(_TYPICAL, stated)}


def _since() -> date:
    today = now().date()
    months = 12 * today.year + today.month - 1 - MONTHS
    return date(months // 12, months % 12 + 1, 1)
