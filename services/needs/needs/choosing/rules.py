"""Rules of pledges that their givers direct: the time to choose, the last moment of perishable goods, what came back. Pure functions."""

from datetime import datetime, timedelta

from chassis.problems import Problem
from needs.choosing.problems import best_before_too_near, choose_until_wrong, does_not_fit
from needs.model import Match, Need, Pledge

CHOOSE_WITHIN = timedelta(hours=72)
HAND_OVER = timedelta(days=5)
"""The time from a proposal to the hand-over: three days to answer and two on the way."""
RENEWED_FOR = timedelta(days=30)
"""How long a pledge of what came back is valid where the former validity is over."""


def find_choice_problem(choose_until: datetime | None, at: datetime) -> Problem | None:
    """Return the problem with the moment until which the giver chooses, or None. A moment that is over ends the choice."""
    return choose_until_wrong() if choose_until is not None and choose_until > at + CHOOSE_WITHIN else None


def limit_validity(valid_until: datetime, best_before: datetime | None) -> datetime:
    """Return until when a pledge may be matched, so that its goods are handed over before they are no longer good."""
    return valid_until if best_before is None else min(valid_until, best_before - HAND_OVER)


def find_best_before_problem(best_before: datetime | None, at: datetime) -> Problem | None:
    """Return the problem with goods that would be no longer good when they are handed over, or None."""
    is_near = best_before is not None and best_before - HAND_OVER <= at
    return best_before_too_near(days=HAND_OVER.days) if is_near else None


def find_fit_problem(need: Need, pledge: Pledge, shown: str) -> Problem | None:
    """Return why a pledge cannot be offered for the need; `shown` is the region that the public sees of the need."""
    within_category = f"{need.category}.".startswith(f"{pledge.category}.")
    fits = within_category and need.unit == pledge.unit and shown.startswith(pledge.region)
    return None if fits else does_not_fit()


def count_came_back(match: Match, pledge: Pledge, offered_again: int, at: datetime) -> int:
    """Return the units of a match that the giver has again and may offer: sent and not received, or never sent of a pledge that ended.

    Units that were never sent of a pledge that still stands are open again by themselves.
    """
    if match.state not in {"received", "closed"}:
        return 0
    sent = match.sent or 0
    back = sent - (match.received or 0)
    if pledge.withdrawn or pledge.valid_until <= at:
        back += match.quantity - sent
    return max(0, back - offered_again)
