"""Rules for acts on a dispute: the actions refuse by them, and every answer lists the acts that they allow."""

from uuid import UUID

from chassis.data.database import now
from chassis.http.auth import Caller
from chassis.problems import Problem, not_allowed, state_conflict
from matching.book.model import Match
from matching.book.problems import dispute_time_over
from matching.book.rules import HOUSEHOLD, manages_county_of, people_involved, side_of
from matching.disputes.model import Dispute
from matching.disputes.problems import already_disputed, finding_wrong, own_dispute

ACTS = ("answer_dispute", "raise_dispute", "settle_dispute")


def find_opening_problem(act: str, caller: Caller, match: Match) -> Problem | None:
    """Return the problem that keeps the caller from disputing the match now, or None.

    Either side may dispute it once, from the sending until the closing, and within the days after the receipt.
    """
    if side_of(caller, match) is None:
        return not_allowed()
    if match.dispute:
        return already_disputed()
    if match.state not in {"sent", "received"}:
        return state_conflict(state=match.state)
    return dispute_time_over() if match.close_at and match.close_at <= now() else None


def dispute_acts_on_match(caller: Caller, match: Match) -> list[str]:
    """List the operation that opens a dispute, if the caller may open one now."""
    return [] if find_opening_problem("dispute_match", caller, match) else ["dispute_match"]


def find_dispute_problem(act: str, caller: Caller, dispute: Dispute) -> Problem | None:
    """Return the problem that keeps the caller from this act on the dispute now, or None.

    Nobody answers or settles a dispute about a match in which they were involved, and nobody settles one that they answered.
    """
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
    return own_dispute() if act != "raise_dispute" and caller.id in _people_involved_in(dispute) else None


def find_finding(dispute: Dispute, outcome: str, stated: int | None) -> tuple[int | None, Problem | None]:
    """Return what arrived as a decision finds it, None if the receipt stands, and the problem of what it states.

    Only a dispute of the household's side that is upheld, at least in part, corrects a receipt, and only to less. One about goods that did
    not arrive at all corrects it to nothing, unless the decision states a quantity.
    """
    confirmed = dispute.match.movement("received")
    corrects = dispute.side == HOUSEHOLD and outcome in {"upheld", "partly_upheld"} and confirmed is not None
    if stated is None:
        is_nothing = corrects and outcome == "upheld" and dispute.cause == "not_arrived"
        return (0 if is_nothing else None), None
    if not corrects or confirmed is None or stated >= confirmed.quantity:
        return None, finding_wrong()
    return stated, None


def acts_on_dispute(caller: Caller, dispute: Dispute) -> list[str]:
    """List the operations that the caller may carry out on the dispute now."""
    return [act for act in ACTS if find_dispute_problem(act, caller, dispute) is None]


def _people_involved_in(dispute: Dispute) -> set[UUID]:
    more = {dispute.opened_by, dispute.answered_by, dispute.raised_by}
    return people_involved(dispute.match) | {person for person in more if person}
