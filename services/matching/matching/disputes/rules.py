"""What somebody may do with a dispute: the actions refuse by these rules, and every answer lists what they let through."""

from chassis.http.auth import Caller
from chassis.problems import Problem, not_allowed, state_conflict
from matching.book.model import Match
from matching.book.rules import manages_county_of, people_involved, side_of
from matching.disputes.model import Dispute
from matching.disputes.problems import already_disputed, own_dispute

ACTS = ("answer_dispute", "raise_dispute", "settle_dispute")


def find_opening_problem(act: str, caller: Caller, match: Match) -> Problem | None:
    """Why the caller may not dispute the match now, or None: either side, once, from when it is sent until it is closed."""
    if side_of(caller, match) is None:
        return not_allowed()
    if match.dispute:
        return already_disputed()
    return None if match.state in {"sent", "received"} else state_conflict(state=match.state)


def acts_on_match(caller: Caller, match: Match) -> list[str]:
    return [] if find_opening_problem("dispute_match", caller, match) else ["dispute_match"]


def find_problem(act: str, caller: Caller, dispute: Dispute) -> Problem | None:
    """Why the caller may not do this to the dispute now, or None: nobody judges what they took part in, nor twice."""
    match = dispute.match
    may, state = {
        "answer_dispute": (caller.manages(match.region), "open"),
        "raise_dispute": (side_of(caller, match) is not None and caller.id != dispute.answered_by, "answered"),
        "settle_dispute": (manages_county_of(caller, match), "raised"),
    }[act]
    if not may:
        return not_allowed()
    if dispute.state != state:
        return state_conflict(state=dispute.state)
    return own_dispute() if act != "raise_dispute" and caller.id in _took_part(dispute) else None


def acts_on_dispute(caller: Caller, dispute: Dispute) -> list[str]:
    """The operations that the caller may carry out on it now."""
    return [act for act in ACTS if find_problem(act, caller, dispute) is None]


def _took_part(dispute: Dispute) -> set[object]:
    return {*people_involved(dispute.match), dispute.opened_by, dispute.answered_by, dispute.raised_by}
