"""Rules of regions: who may act where."""

from chassis.http.auth import Caller
from chassis.problems import Problem
from users.problems import outside_region


def find_region_problem(caller: Caller, region: str) -> Problem | None:
    """Return the problem with acting in a region that the caller does not manage; None if they do."""
    return None if caller.manages(region) else outside_region()
