"""Rules of pledges that their givers direct: the time to choose, the last moment of perishable goods, what came back. Pure functions."""

from datetime import datetime, timedelta

from chassis.problems import Problem
from needs.catalogue.defaults import Item, catalogue
from needs.choosing.problems import best_before_needed, best_before_too_near, choose_until_wrong, does_not_fit
from needs.model import Match, Need, Pledge

CHOOSE_WITHIN = timedelta(hours=72)
HAND_OVER = timedelta(days=5)
"""The least time from the last acceptance to the hand-over: three days to send and two on the way. Matching keeps to it too."""
REMINDED_BEFORE = timedelta(days=7)
"""A giver is reminded so long before perishable goods can no longer be matched, or after half of a shorter time."""
RENEWED_FOR = timedelta(days=30)
"""How long a pledge of what came back is valid where the former validity is over."""


def find_choice_problem(choose_until: datetime | None, at: datetime) -> Problem | None:
    """Return the problem with the moment until which the giver chooses, or None. A moment that is over ends the choice."""
    return choose_until_wrong() if choose_until is not None and choose_until > at + CHOOSE_WITHIN else None


def limit_validity(valid_until: datetime, best_before: datetime | None) -> datetime:
    """Return until when a pledge may be matched, so that its goods are handed over before they are no longer good."""
    return valid_until if best_before is None else min(valid_until, best_before - HAND_OVER)


def find_best_before_problem(best_before: datetime | None, at: datetime, needed_for: Item | None = None) -> Problem | None:
    """Return the problem with goods that would be no longer good when they are handed over, or None.

    `needed_for` is the item or group of a pledge that has to state the date.
    """
    if best_before is None:
        return best_before_needed(members={"category": needed_for.category}, zh=needed_for.zh, en=needed_for.en) if needed_for else None
    return best_before_too_near(days=HAND_OVER.days) if best_before - HAND_OVER <= at else None


def find_reminder(valid_until: datetime, best_before: datetime | None, since: datetime) -> datetime | None:
    """Return when the giver is reminded that a pledge, as it stands since then, ends because of its date; None if it does not."""
    if best_before is None or valid_until < best_before - HAND_OVER:
        return None
    return valid_until - min(REMINDED_BEFORE, (valid_until - since) / 2)


def find_fit_problem(need: Need, pledge: Pledge, shown: str) -> Problem | None:
    """Return why a pledge cannot be offered for the need; `shown` is the region that the public sees of the need."""
    within_category = f"{need.category}.".startswith(f"{pledge.category}.")
    item = catalogue().get(need.category)
    of_this_kind = item is None or item.kind == pledge.kind
    fits = within_category and of_this_kind and need.unit == pledge.unit and shown.startswith(pledge.region)
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
