"""What somebody may do with a match: the actions refuse by this rule, and every answer lists what it lets through."""

from chassis.auth import Caller
from chassis.database import now
from chassis.problems import Problem, not_allowed, state_conflict
from matching.model import Match

ACTS = ("accept_match", "refuse_match")


def refusal(caller: Caller, match: Match) -> Problem | None:
    """Why the caller may not answer the proposal, or None: only the pledger does, once, in time."""
    if match.pledger_id != caller.id:
        return not_allowed()
    if match.state != "proposed":
        return state_conflict(state=match.state)
    return state_conflict(state="lapsed") if match.answer_by <= now() else None


def acts_on_match(caller: Caller, match: Match) -> list[str]:
    """The operations that the caller may carry out on it now."""
    return list(ACTS) if refusal(caller, match) is None else []
