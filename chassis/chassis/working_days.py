"""Working days in mainland China: weekends and holidays are free, days made up at weekends are worked.

The State Council publishes the holidays of a year in the autumn before it; `holidays` knows the published ones. In later years
Monday to Friday count.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone

import holidays
from holidays.countries.china import ChinaStaticHolidays

CHINA = timezone(timedelta(hours=8))
_calendar = holidays.country_holidays("CN")
_PUBLISHED = frozenset(ChinaStaticHolidays.special_public_holidays)


@dataclass(frozen=True)
class Deadline:
    """The end of a working day in China. `is_provisional` when a year on the way was not published yet."""

    at: datetime
    is_provisional: bool


def is_working_day(day: date) -> bool:
    """Tell whether people work on this day; in a year that is not published, from Monday to Friday."""
    return bool(_calendar.is_working_day(day)) if day.year in _PUBLISHED else day.weekday() < 5


def deadline_after(at: datetime, working_days: int) -> Deadline:
    """Return the end of the n-th working day after the day of `at` in China; the day itself does not count.

    Raises `ValueError` for less than one day.
    """
    if working_days < 1:
        raise ValueError("a deadline is one working day later or more")
    day, left, years = at.astimezone(CHINA).date(), working_days, set[int]()
    while left:
        day += timedelta(days=1)
        years.add(day.year)
        left -= is_working_day(day)
    end = datetime.combine(day + timedelta(days=1), time.min, CHINA).astimezone(UTC)
    return Deadline(end, not years <= _PUBLISHED)
