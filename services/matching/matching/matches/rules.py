"""Rules of matches: which claims fit, how much of a match is left, and its outcome. Pure functions."""

from collections.abc import Callable
from datetime import datetime

from chassis.http.auth import Caller
from chassis.problems import Problem, not_allowed
from contracts.matching import ClaimFailure
from matching.book.model import Match, Need, Pledge
from matching.book.problems import does_not_fit, household_limit_reached, not_enough, pledge_rests, reason_needed, unknown_need

GIVER_REASONS = frozenset({"not_deliverable", "giver_withdrew"})
HOUSEHOLD_REASONS = frozenset({"not_deliverable", "giver_no_show", "household_moved", "need_over"})
"""The reasons that each side may give for a cancellation."""
WITHOUT_NEED = {"household_moved", "need_over"}
"""Reasons of a cancellation after which the household needs nothing any more."""


def pledge_fits(need: Need, pledge: Pledge, shown: str, kind: str | None = None) -> bool:
    """Tell whether the pledge covers the item, its kind, the unit and the region that the need shows.

    A comparison with the need's own region would tell by yes and no where it is.
    """
    within_category = f"{need.category}.".startswith(f"{pledge.category}.")
    of_this_kind = kind is None or pledge.kind in {None, kind}
    return within_category and of_this_kind and shown.startswith(pledge.scope) and need.unit == pledge.unit


def find_claim_problem(
    need: Need, pledge: Pledge, quantity: int, at: datetime, shown: str, household_room: int | None = None, kind: str | None = None
) -> Problem | None:
    """Return the reason why a pledger may not claim this quantity of the need with the pledge, or None.

    `shown` is the region that the public sees of the need, `household_room` what its household may still get of the pledge, `kind` the
    kind of pledges that fit its item.
    """
    if pledge.paused:
        return pledge_rests()
    if need.ended or pledge.ended or pledge.valid_until <= at or min(need.rest, pledge.rest) < quantity:
        return not_enough()
    if not pledge_fits(need, pledge, shown, kind):
        return does_not_fit()
    return household_limit_reached() if household_room is not None and household_room < quantity else None


def name_claim_failure(problem: Problem) -> ClaimFailure:
    """Return the word by which `ClaimFailed` names a problem."""
    names: dict[str, ClaimFailure] = {
        unknown_need.code: "need_over",
        does_not_fit.code: "does_not_fit",
        household_limit_reached.code: "household_limit",
    }
    return names.get(problem.code, "not_enough")


def split(whole: int, part: int | None, too_much: Callable[[], Problem]) -> tuple[int, int]:
    """Return the part and what is left of the whole; without a part, the whole. Raises `too_much` when the part is larger."""
    part = whole if part is None else part
    if part > whole:
        raise too_much()
    return part, whole - part


def find_receipt_problem(missing: int, reason: str | None) -> Problem | None:
    """Return the problem of a receipt that lacks something without a reason, or None."""
    return reason_needed() if missing and reason is None else None


def find_cancellation_problem(caller: Caller, match: Match, reason: str) -> Problem | None:
    """Return a problem when the reason for a cancellation is the other side's, or None."""
    mine = GIVER_REASONS if caller.id == match.pledger_id else HOUSEHOLD_REASONS
    return None if reason in mine else not_allowed()


def find_outcome(promised: int, received: int) -> str:
    """Return the reason with which a match is closed, by its figures."""
    if received == promised:
        return "delivered"
    return "partly_delivered" if received else "nothing_arrived"


def split_cancelled(promised: int, returned: int, sent: int, reason: str) -> tuple[int, int]:
    """Return the units that go back to the pledge, which were never sent, and those that go back to the need."""
    missing = promised - returned
    return missing - sent, 0 if reason in WITHOUT_NEED else missing
