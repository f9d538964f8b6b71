"""Rules of visits: on which days they are recorded. No rule needs a database."""

from datetime import date, timedelta

from chassis.problems import Problem, invalid

RECORDED_WITHIN = timedelta(days=365)


def find_visit_problem(day: date, today: date) -> Problem | None:
    """Return the problem with the day of a visit, or None: it is over or today, and less than a year ago."""
    is_right = today - RECORDED_WITHIN <= day <= today
    return None if is_right else invalid(errors=[{"pointer": "#/visited_on", "code": "out_of_range"}])
