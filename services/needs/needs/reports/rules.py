"""Rules of reports: how many hide a need, and how many one account makes. Pure functions."""

from datetime import datetime, timedelta

from chassis.problems import Problem
from needs.reports.problems import already_reported, too_many_reports

HIDING = 5
"""Reports of so many accounts hide a need."""
MOST_A_DAY = 10
DAY = timedelta(hours=24)


def find_report_problem(*, reported_before: bool, made: int, oldest: datetime | None, at: datetime) -> Problem | None:
    """Return why an account that made so many reports within a day, the first at `oldest`, may not make this one, or None."""
    if reported_before:
        return already_reported()
    if made < MOST_A_DAY:
        return None
    left = max(1, int(((oldest or at) + DAY - at).total_seconds()))
    limit = {"name": "reports_per_day", "most": MOST_A_DAY, "used": made, "left": 0}
    return too_many_reports(retry_after_seconds=left, members={"limit": limit}, most=MOST_A_DAY)


def hides_need(reports: int) -> bool:
    """Tell whether so many reports that were not cleared hide a need."""
    return reports >= HIDING
