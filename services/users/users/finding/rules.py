"""Rules of finding: where names are searched. No rule needs a database."""

from chassis.http.auth import Caller
from chassis.problems import Problem, invalid
from users.problems import outside_region

TOWNSHIP_DIGITS = 9


def find_search_problem(caller: Caller, region: str) -> Problem | None:
    """Return the problem with a search by name in a region, or None: a township or a village that the caller reads, or has a part of."""
    if len(region) < TOWNSHIP_DIGITS:
        return invalid(errors=[{"pointer": "#/region", "code": "region_too_wide"}])
    has_part = any(own.startswith(region) for own in caller.regions)
    return None if has_part or caller.reads(region) else outside_region()
