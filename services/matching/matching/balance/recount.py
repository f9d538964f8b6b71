"""Recount of the whole book, compared with the kept figures, for the audit and the tests."""

from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from matching.balance.actions import FIGURES, SUMMED_BY_ENCLOSING_REGION, TOTALS

_NAMES = ", ".join(FIGURES)
_KEPT = ", ".join(f"sum({name}) AS {name}" for name in FIGURES)

# One statement, so that book, notes and figures are seen at one moment. Notes that are not added up yet count as kept.
DIFFERING = f"""
    WITH book AS (
        SELECT left(region, 9) AS region, category, unit, count(*) AS needs, sum(rest) AS need_units, sum(urgency) AS wanting,
            0 AS pledges, 0 AS pledge_units
        FROM needs WHERE NOT ended AND rest > 0 GROUP BY 1, 2, 3
        UNION ALL
        SELECT scope, category, unit, 0, 0, 0, count(*), sum(rest) FROM pledges
        WHERE NOT ended AND NOT expired AND rest > 0 GROUP BY 1, 2, 3
    ),
    off AS (
        SELECT region, category, unit, -needs AS needs, -need_units AS need_units, -wanting AS wanting, -pledges AS pledges,
            -pledge_units AS pledge_units
        FROM book
        UNION ALL SELECT region, category, unit, needs, need_units, wanting, pledges, pledge_units FROM balance_changes
    ),
    compared AS (
        SELECT region, category, unit, {_NAMES} FROM balance
        UNION ALL {SUMMED_BY_ENCLOSING_REGION.format(measures=TOTALS, rows="off")}
    )
    SELECT region, category, unit FROM (SELECT region, category, unit, {_KEPT} FROM compared GROUP BY region, category, unit) AS summed
    WHERE {" OR ".join(f"{name} <> 0" for name in FIGURES)} ORDER BY region, category, unit LIMIT 1
"""


def find_difference(session: Session) -> dict[str, Any] | None:
    """Find the first region, category and unit whose kept figures differ from a recount; None when there is none."""
    row = session.execute(text(DIFFERING)).mappings().first()
    return dict(row) if row else None
