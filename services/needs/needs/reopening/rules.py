"""Rules of renewing a need after its expiry: its verification holds while nothing that it rests on has changed."""

from chassis.problems import Problem
from needs.model import Household, Need
from needs.reopening.problems import household_left, review_needed
from needs.review.rules import needs_county


def find_household_problem(need: Need, household: Household | None) -> Problem | None:
    """Return a problem when the household is not registered any more, or its texts were erased; else None."""
    if household is None or household.ended or not need.reason:
        return household_left()
    return None


def find_review_problem(need: Need, value: int | None, county_above: int, *, was_faulted: bool) -> Problem | None:
    """Return a problem when a check found the verification wrong, or the county would have to verify the need now; else None."""
    lacks_county = need.confirmed_by is None and needs_county("posted", value, county_above)
    return review_needed() if was_faulted or lacks_county else None
