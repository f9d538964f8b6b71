"""Rules of holds: how long one lasts, how many a day, and who may end it. Pure functions."""

from datetime import datetime, timedelta
from uuid import UUID

from chassis.problems import Problem, not_found, state_conflict
from matching.book.model import Need
from matching.book.problems import not_enough
from matching.holds.model import Hold
from matching.holds.problems import too_many_holds

LASTS = timedelta(minutes=10)
KEPT_AFTER = timedelta(minutes=2)
"""So much longer the units stay set aside: a pledge that was offered in time may take a moment to arrive."""
DAY = timedelta(hours=24)
MOST_A_DAY = 20
"""The most holds that a giver opens within 24 hours."""


def find_opening_problem(need: Need, quantity: int, opened: int, oldest: datetime | None, at: datetime) -> Problem | None:
    """Return why a giver who has `opened` so many holds within a day, the first at `oldest`, may not hold this quantity, or None."""
    if opened >= MOST_A_DAY:
        left = max(1, int(((oldest or at) + DAY - at).total_seconds()))
        limit = {"name": "holds_per_day", "most": MOST_A_DAY, "used": opened, "left": 0}
        return too_many_holds(retry_after_seconds=left, members={"limit": limit}, most=MOST_A_DAY)
    return not_enough() if need.ended or need.rest < quantity else None


def is_in_force(hold: Hold, at: datetime) -> bool:
    """Tell whether the hold serves a claim that was made at this moment."""
    return hold.state == "open" and at <= hold.expires_at


def state_of(hold: Hold, at: datetime) -> str:
    """Return the state to show: a hold whose time is over has expired, even before its units are free."""
    return "expired" if hold.state == "open" and not is_in_force(hold, at) else hold.state


def find_release_problem(hold: Hold, caller_id: UUID, at: datetime) -> Problem | None:
    """Return why the caller may not release the hold, or None."""
    if hold.giver_id != caller_id:
        return not_found()
    return None if is_in_force(hold, at) else state_conflict(state=state_of(hold, at))


def acts_on_hold(hold: Hold, caller_id: UUID, at: datetime) -> list[str]:
    """List the operations that the caller may carry out on the hold now."""
    return [] if find_release_problem(hold, caller_id, at) else ["release_hold"]
