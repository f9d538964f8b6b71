"""Rules for acts on a match: the actions refuse by them, and every answer lists the acts that they allow."""

from datetime import datetime, timedelta
from uuid import UUID

from chassis.data.database import now
from chassis.http.auth import Caller
from chassis.problems import Problem, not_allowed, state_conflict
from matching.book.model import Match
from matching.book.problems import disputed, still_disputable

ACTS = ("accept_match", "refuse_match", "decline_match", "send_match", "receive_match", "close_match", "cancel_match", "print_slip")
PROMISED_STATES = ("accepted", "sent", "received", "closed")
"""The states in which a promise stands."""
GIVER, HOUSEHOLD = "giver", "household"
DISPUTED_WITHIN = timedelta(days=14)
"""How long after the receipt a delivery may be disputed. It is closed then, or when the household's side agrees."""
COUNTY_DIGITS = 6
"""Length of a county's code. Managers of a county, or of a region around it, decide between two sides."""


def find_match_problem(act: str, caller: Caller, match: Match) -> Problem | None:
    """Return the problem that keeps the caller from this act on the match now, or None."""
    is_giver, is_household = caller.id == match.pledger_id, is_on_household_side(caller, match)
    may, states = {
        "accept_match": (is_giver, ("proposed",)),
        "refuse_match": (is_giver, ("proposed",)),
        "decline_match": (is_household, ("proposed", "accepted")),
        "send_match": (is_giver, ("accepted",)),
        "receive_match": (is_household, ("sent",)),
        "close_match": (is_giver or is_household, ("received",)),
        "cancel_match": (is_giver or is_household, ("accepted", "sent") if is_household else ("accepted",)),
        "print_slip": (caller.manages(match.region), ("accepted", "sent")),
    }[act]
    if not may:
        return not_allowed()
    if act in {"close_match", "cancel_match"} and match.dispute == "open":
        return disputed()
    if match.state not in states:
        return state_conflict(state=match.state)
    if act == "close_match" and not is_household and match.close_at and match.close_at > now():
        return still_disputable()
    is_late = match.state == "proposed" and match.answer_by <= now()
    return state_conflict(state="lapsed") if is_late else None


def is_on_household_side(caller: Caller, match: Match) -> bool:
    """Tell whether the caller is the household, or manages its village and speaks for it. Without an account it answers by SMS."""
    return caller.id == (match.account_id or match.household_id) or caller.manages(match.region)


def side_of(caller: Caller, match: Match) -> str | None:
    """Return the side on which the caller stands, or None."""
    if caller.id == match.pledger_id:
        return GIVER
    return HOUSEHOLD if is_on_household_side(caller, match) else None


def manages_county_of(caller: Caller, match: Match) -> bool:
    """Tell whether the caller manages the county of the match, or a region around it."""
    return any(len(region) <= COUNTY_DIGITS and match.region.startswith(region) for region in caller.regions)


def people_involved(match: Match, until: datetime | None = None) -> set[UUID]:
    """Return the people who acted on the match, up to a moment if one is given; they may not judge it.

    The printer of a slip counts as the one who reported with it.
    """
    moved = [(movement.slip.printed_by if movement.slip else movement.by, movement.at) for movement in match.movements]
    acts = [*moved, (match.closed_by, match.closed_at)]
    return {match.poster_id} | {who for who, at in acts if who and (until is None or at is None or at <= until)}


def acts_on_match(caller: Caller, match: Match) -> list[str]:
    """List the operations that the caller may carry out on the match now."""
    return [act for act in ACTS if find_match_problem(act, caller, match) is None]
