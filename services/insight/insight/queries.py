"""Queries of insight: the sums of a region and of those directly below it, over a period and in buckets."""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from sqlalchemy import Table, func, select, text
from sqlalchemy.orm import Session

from contracts.regions import LEVELS
from insight.days import Period
from insight.model import MEASURES, MONTHS_LEVEL, month_totals, totals

Sums = dict[str, int]
BELOW = dict(zip((0, *LEVELS), LEVELS, strict=False))
"""The length of the codes directly below, by the length of a code."""

_SUMMED = ", ".join(f"sum({name}) FILTER (WHERE day >= :since) AS {name}" for name in MEASURES if not name.startswith("active"))
_SERIES = """
    SELECT CAST(date_trunc(:by, day) AS date) AS start, sum(active_{by}) AS active, {summed}
    FROM {totals} WHERE level = :level AND region = :region AND day BETWEEN :first AND :until GROUP BY 1 ORDER BY 1
"""
_BY_REGION = """
    SELECT region, sum(active_{by}) AS active, {summed}
    FROM {totals} WHERE level = :level AND region BETWEEN :region AND :region || '~' AND day BETWEEN :first AND :until GROUP BY 1 ORDER BY 1
"""


def sum_buckets(session: Session, region: str, period: Period) -> dict[date, Sums]:
    """Read the sums of each bucket. `registered_by_then` counts from the very beginning."""
    statement = text(_SERIES.format(by=period.by, summed=_SUMMED, totals=_totals_of(len(region), period).name))
    rows = session.execute(statement, _parameters(region, len(region), period) | {"by": period.by}).mappings()
    found = {row["start"]: _sums(row) for row in rows}
    by_then = _registered_before(session, region, len(region), period, region, period.since).get(region, 0)
    buckets = {}
    for start in period.starts():
        sums = found.get(start, dict.fromkeys(("active", *MEASURES), 0))
        by_then += sums["registered"]
        buckets[start] = sums | {"registered_by_then": by_then}
    return buckets


def sum_period(session: Session, region: str, period: Period) -> Sums:
    """Read the sums of a region over the whole period. `active` is the average of the buckets: a person may be active in several."""
    nothing = dict.fromkeys(("active", *MEASURES), 0)
    by_then = _registered_before(session, region, len(region), period, region, period.until + timedelta(1))
    return _sum_by_region(session, region, len(region), period).get(region, nothing) | {"registered_by_then": by_then.get(region, 0)}


def sum_regions_below(session: Session, region: str, period: Period) -> dict[str, Sums]:
    """Read the sums of each region directly below that has any. A village has none below."""
    level = BELOW.get(len(region))
    if level is None:
        return {}
    by_then = _registered_before(session, region, level, period, region + "~", period.until + timedelta(1))
    found = _sum_by_region(session, region, level, period)
    return {code: sums | {"registered_by_then": by_then.get(code, 0)} for code, sums in found.items()}


def _sum_by_region(session: Session, region: str, level: int, period: Period) -> dict[str, Sums]:
    statement = text(_BY_REGION.format(by=period.by, summed=_SUMMED, totals=_totals_of(level, period).name))
    found = {row["region"]: _sums(row) for row in session.execute(statement, _parameters(region, level, period)).mappings()}
    return {code: sums | {"active": round(sums["active"] / len(period.starts()))} for code, sums in found.items()}


def _totals_of(level: int, period: Period) -> Table:
    """Return the table to add up: the totals of months where they are kept and the period consists of whole ones."""
    return month_totals if level <= MONTHS_LEVEL and period.by == "month" and period.is_of_whole_months() else totals


def _registered_before(session: Session, region: str, level: int, period: Period, end: str, since: date) -> dict[str, int]:
    column = _totals_of(level, period).c
    earlier = (
        select(column.region, func.sum(column.registered))
        .where(column.level == level, column.region.between(region, end), column.day < since)
        .group_by(column.region)
    )
    return {code: int(registered) for code, registered in session.execute(earlier)}


def _parameters(region: str, level: int, period: Period) -> dict[str, object]:
    return {"level": level, "region": region, "first": period.starts()[0], "since": period.since, "until": period.until}


def _sums(row: Mapping[Any, Any]) -> Sums:
    return {name: int(value or 0) for name, value in row.items() if name not in {"start", "region"}}
