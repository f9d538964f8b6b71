"""What insight can be asked: the sums of a region and of those right below it, over a period, in the buckets that are asked for."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

from sqlalchemy import text
from sqlalchemy.orm import Session

from contracts.regions import LEVELS
from insight.days import end_of_month, month_of, week_of
from insight.model import MEASURES

By = Literal["day", "week", "month"]
Sums = dict[str, int]
BELOW = dict(zip((0, *LEVELS), LEVELS, strict=False))
"""The length of the codes right below those of a length."""

_SUMMED = ", ".join(f"sum({name}) FILTER (WHERE day >= :since) AS {name}" for name in MEASURES if not name.startswith("active"))
_SERIES = """
    SELECT CAST(date_trunc(:by, day) AS date) AS start, sum(active_{by}) AS active, {summed}
    FROM totals WHERE level = :level AND region = :region AND day BETWEEN :first AND :until GROUP BY 1 ORDER BY 1
"""
_AT = """
    SELECT region, sum(active_{by}) AS active, {summed}
    FROM totals WHERE level = :level AND region BETWEEN :region AND :region || '~' AND day BETWEEN :first AND :until GROUP BY 1 ORDER BY 1
"""
_EARLIER = text(
    "SELECT region, sum(registered) FROM totals WHERE level = :level AND region BETWEEN :region AND :end AND day < :since GROUP BY 1"
)


@dataclass(frozen=True)
class Period:
    """From `since` to `until`, both included, in buckets."""

    since: date
    until: date
    by: By

    def starts(self) -> list[date]:
        """The first day of each bucket, the first of which may begin before the period."""
        found = [self._start_of(self.since)]
        while (following := self._start_of(found[-1] + timedelta({"day": 1, "week": 7, "month": 31}[self.by]))) <= self.until:
            found.append(following)
        return found

    def before(self) -> "Period":
        """One as long, right before it; of whole months when it is one of whole months."""
        last = self.since - timedelta(1)
        if self.since == month_of(self.since) and self.until == end_of_month(self.until):
            months = 12 * (self.until.year - self.since.year) + self.until.month - self.since.month
            first = month_of(last)
            for _ in range(months):
                first = month_of(first - timedelta(1))
            return Period(first, last, self.by)
        return Period(self.since - (self.until - self.since) - timedelta(1), last, self.by)

    def finished_months(self, today: date) -> "Period":
        """The whole months around it that are over; when none is, it ends before it begins."""
        return Period(month_of(self.since), min(end_of_month(self.until), month_of(today) - timedelta(1)), "month")

    def _start_of(self, day: date) -> date:
        return {"day": day, "week": week_of(day), "month": month_of(day)}[self.by]


def series(session: Session, region: str, period: Period) -> dict[date, Sums]:
    """The sums of each bucket; `registered_by_then` counts from the beginning of all."""
    rows = session.execute(
        text(_SERIES.format(by=period.by, summed=_SUMMED)), _stated(region, len(region), period) | {"by": period.by}
    ).mappings()
    found = {row["start"]: _sums(row) for row in rows}
    by_then = _registered_before(session, region, len(region), region, period.since).get(region, 0)
    buckets = {}
    for start in period.starts():
        sums = found.get(start, dict.fromkeys(("active", *MEASURES), 0))
        by_then += sums["registered"]
        buckets[start] = sums | {"registered_by_then": by_then}
    return buckets


def whole(session: Session, region: str, period: Period) -> Sums:
    """The sums of a region over the whole period; `active` is that of an average bucket, since who acts in two is counted in both."""
    nothing = dict.fromkeys(("active", *MEASURES), 0)
    by_then = _registered_before(session, region, len(region), region, period.until + timedelta(1))
    return _at(session, region, len(region), period).get(region, nothing) | {"registered_by_then": by_then.get(region, 0)}


def below(session: Session, region: str, period: Period) -> dict[str, Sums]:
    """As `whole`, of each region right below of which anything is known. Nothing below a village."""
    level = BELOW.get(len(region))
    if level is None:
        return {}
    by_then = _registered_before(session, region, level, region + "~", period.until + timedelta(1))
    found = _at(session, region, level, period)
    return {code: sums | {"registered_by_then": by_then.get(code, 0)} for code, sums in found.items()}


def _at(session: Session, region: str, level: int, period: Period) -> dict[str, Sums]:
    statement = text(_AT.format(by=period.by, summed=_SUMMED))
    found = {row["region"]: _sums(row) for row in session.execute(statement, _stated(region, level, period)).mappings()}
    return {code: sums | {"active": round(sums["active"] / len(period.starts()))} for code, sums in found.items()}


def _registered_before(session: Session, region: str, level: int, end: str, since: date) -> dict[str, int]:
    rows = session.execute(_EARLIER, {"level": level, "region": region, "end": end, "since": since})
    return {code: int(registered) for code, registered in rows}


def _stated(region: str, level: int, period: Period) -> dict[str, object]:
    return {"level": level, "region": region, "first": period.starts()[0], "since": period.since, "until": period.until}


def _sums(row: object) -> Sums:
    return {name: int(value or 0) for name, value in dict(row).items() if name not in {"start", "region"}}  # type: ignore[call-overload]
