"""Rules of hand-over slips, and of labels for parcels."""

from datetime import datetime

from chassis.http.auth import Caller
from chassis.problems import Problem, not_allowed, state_conflict
from matching.book.model import Match, Slip
from matching.book.problems import label_not_needed, slip_unknown
from matching.slips.words import GOODS


def require_in_force(slip: Slip | None, at: datetime) -> Slip:
    """Return a slip that is neither revoked nor expired. Raises `slip_unknown` for every other."""
    if slip is None or slip.revoked_at is not None or slip.expires_at <= at:
        raise slip_unknown()
    return slip


def find_label_problem(caller: Caller, match: Match, kind: str) -> Problem | None:
    """Return the problem that keeps the caller from a label, or None: the giver of goods gets it from the acceptance on."""
    if caller.id != match.pledger_id:
        return not_allowed()
    if match.state not in {"accepted", "sent"}:
        return state_conflict(state=match.state)
    return None if kind == GOODS else label_not_needed()
