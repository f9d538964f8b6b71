"""Days and periods in Asia/Shanghai, which is eight hours ahead of UTC all year."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from typing import Literal

SHANGHAI = timezone(timedelta(hours=8), "Asia/Shanghai")
By = Literal["day", "week", "month"]


def day_of(moment: datetime) -> date:
    """Return the day of a moment in Asia/Shanghai."""
    return moment.astimezone(SHANGHAI).date()


def today() -> date:
    """Return the present day in Asia/Shanghai."""
    return datetime.now(SHANGHAI).date()


def week_of(day: date) -> date:
    """Return the Monday of the week."""
    return day - timedelta(days=day.weekday())


def month_of(day: date) -> date:
    """Return the first day of the month."""
    return day.replace(day=1)


def end_of_month(day: date) -> date:
    """Return the last day of the month."""
    return month_of(month_of(day) + timedelta(days=31)) - timedelta(days=1)


@dataclass(frozen=True)
class Period:
    """The days from `since` to `until`, both included, in buckets of a day, a week or a month."""

    since: date
    until: date
    by: By

    def starts(self) -> list[date]:
        """List the first day of each bucket. The first bucket may begin before the period."""
        found = [self._start_of(self.since)]
        while (following := self._start_of(found[-1] + timedelta({"day": 1, "week": 7, "month": 31}[self.by]))) <= self.until:
            found.append(following)
        return found

    def is_of_whole_months(self) -> bool:
        """Tell whether the period begins with a month and ends with one."""
        return self.since == month_of(self.since) and self.until == end_of_month(self.until)

    def previous(self) -> "Period":
        """Return the period of the same length right before; whole months are preceded by as many whole months."""
        last = self.since - timedelta(1)
        if self.is_of_whole_months():
            months = 12 * (self.until.year - self.since.year) + self.until.month - self.since.month
            first = month_of(last)
            for _ in range(months):
                first = month_of(first - timedelta(1))
            return Period(first, last, self.by)
        return Period(self.since - (self.until - self.since) - timedelta(1), last, self.by)

    def finished_months(self, today: date) -> "Period":
        """Return the whole months around the period that are over. If none is, the result ends before it begins."""
        return Period(month_of(self.since), min(end_of_month(self.until), month_of(today) - timedelta(1)), "month")

    def _start_of(self, day: date) -> date:
        return {"day": day, "week": week_of(day), "month": month_of(day)}[self.by]
