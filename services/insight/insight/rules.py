"""Rules of visibility: administrators see all of their regions; the public sees counties and wider, by whole months that are over."""

from datetime import date, timedelta

from chassis.http.auth import Caller
from chassis.problems import Problem, not_found
from insight.days import By, Period, month_of
from insight.problems import months_only, no_month_over, wrong_period

PUBLIC_LEVEL = 6
"""The length of the longest region code that the public sees: a county's."""
LONGEST_PERIOD = timedelta(days=1100)


def sees_all(caller: Caller | None, region: str) -> bool:
    """True for administrators and auditors of the region; everybody else sees the figures of the public."""
    return caller is not None and caller.reads(region)


def find_public_problem(region: str, by: By | None) -> Problem | None:
    """Return the problem with a question of the public: below a county there is nothing, and buckets are months. None if it is answered."""
    if len(region) > PUBLIC_LEVEL:
        return not_found()
    return months_only() if by not in {None, "month"} else None


def choose_period(since: date | None, until: date | None, by: By | None, today: date, for_public: bool) -> Period:
    """Fill in a period: up to today, from about a year before. The public gets its whole months that are over.

    Raises `wrong_period` if it ends before it begins or is too long, and `no_month_over`.
    """
    end = until or today
    first = since or month_of(end - timedelta(days=330))
    if not timedelta(0) <= end - first <= LONGEST_PERIOD:
        raise wrong_period()
    period = Period(first, end, by or "month")
    if not for_public:
        return period
    months = period.finished_months(today)
    if months.until < months.since:
        raise no_month_over()
    return months
