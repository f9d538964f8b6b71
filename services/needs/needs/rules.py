"""Rules of needs and pledges: who sees a need, who may do what in which state, how much is open. No rule needs a database."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from chassis.data.database import now
from chassis.http.auth import Caller, View
from chassis.problems import Problem, not_allowed, not_found, state_conflict
from needs.model import Need, Pledge
from needs.problems import (
    county_verifies,
    own_need,
    own_review,
    past_validity,
    quantity_settled,
    quantity_unsettled,
    renewal_over,
    township_verifies,
)

LONGEST_VALIDITY = timedelta(days=731)
RENEWED_WITHIN = timedelta(days=30)
"""The time after its expiry within which a need may still be renewed."""
COUNTY_DIGITS = 6
WAITING = ("posted", "confirmed")
"""The states of a need that waits to be verified: at the village or township, and at the county."""
OPEN = ("posted", "confirmed", "returned", "published")
"""The states of a need that has not ended."""

Managers = Mapping[str, set[UUID]]
"""The ids of administrators by the region they manage."""
NeedRule = Callable[[Caller, Need, Managers], Problem | None]


def manages_county(caller: Caller, region: str) -> bool:
    """Tell whether the caller manages the county of a region, or a region around the county."""
    return any(len(managed) <= COUNTY_DIGITS and region.startswith(managed) for managed in caller.regions)


def is_household(caller: Caller, need: Need) -> bool:
    """Tell whether the caller is the household of a need: its account, or, without one, the household that answers by SMS."""
    return caller.id == (need.account_id or need.household_id)


def view_of(caller: Caller | None, need: Need) -> View:
    """Return the caller's view of a need: `own` for its side, `region` for administrators and auditors of its region, else `public`."""
    if caller is None:
        return "public"
    manages = caller.manages(need.region)
    if is_household(caller, need) or (caller.id == need.poster_id and manages):
        return "own"
    return "region" if manages or caller.audits(need.region) else "public"


def _judge(caller: Caller, need: Need, managers: Managers) -> Problem | None:
    """Another administrator than the poster judges; the township's, where it has one who did not post the need.

    A need that passed its first step is judged by somebody else, of the county or a wider region.
    """
    if caller.id in {need.poster_id, need.account_id}:
        return own_need()
    if not caller.manages(need.region):
        return not_allowed()
    if need.state == "confirmed":
        if caller.id == need.confirmed_by:
            return own_review()
        return None if manages_county(caller, need.region) else county_verifies()
    manages_village_only = all(len(region) == 12 for region in caller.regions if need.region.startswith(region))
    if manages_village_only and managers.get(need.region[:9], set()) - {need.poster_id}:
        return township_verifies()
    return state_conflict(state=need.state) if need.state != "posted" else None


def _withdraw(caller: Caller, need: Need, managers: Managers) -> Problem | None:
    """The household or the poster withdraws a need that has not ended."""
    is_poster = caller.id == need.poster_id and caller.manages(need.region)
    if not is_household(caller, need) and not is_poster:
        return not_allowed()
    return state_conflict(state=need.state) if need.state not in OPEN else None


def _amend(caller: Caller, need: Need, managers: Managers) -> Problem | None:
    """The household or the poster amends a need that waits for its first step, or was returned."""
    is_poster = caller.id == need.poster_id and caller.manages(need.region)
    if caller.id != need.account_id and not is_poster:
        return not_allowed()
    return state_conflict(state=need.state) if need.state not in {"posted", "returned"} else None


def _close(caller: Caller, need: Need, managers: Managers) -> Problem | None:
    """An administrator of the region closes a published need."""
    if not caller.manages(need.region):
        return not_allowed()
    return state_conflict(state=need.state) if need.state != "published" else None


def _renew(caller: Caller, need: Need, managers: Managers) -> Problem | None:
    """The household or its agent renews a published need, or for some time one that has expired.

    The agent is the poster, and for a household without an account everybody at its village point.
    """
    is_poster = caller.id == need.poster_id and caller.manages(need.region)
    is_of_village = need.account_id is None and need.region in caller.regions
    if not is_household(caller, need) and not is_poster and not is_of_village:
        return not_allowed()
    if need.state == "expired" and need.ended_at is not None:
        return None if now() < need.ended_at + RENEWED_WITHIN else renewal_over(days=RENEWED_WITHIN.days)
    return state_conflict(state=need.state) if need.state != "published" else None


def _clear_reports(caller: Caller, need: Need, managers: Managers) -> Problem | None:
    """Another administrator of the region than the poster clears the reports of a hidden need."""
    if not caller.manages(need.region):
        return not_allowed()
    if caller.id in {need.poster_id, need.account_id}:
        return own_need()
    return None if need.hidden and need.state == "published" else state_conflict(state=need.state)


NEED_RULES: dict[str, NeedRule] = {
    "verify_need": _judge,
    "return_need": _judge,
    "reject_need": _judge,
    "amend_need": _amend,
    "withdraw_need": _withdraw,
    "renew_need": _renew,
    "close_need": _close,
    "clear_reports": _clear_reports,
}
PLEDGE_ACTS = ("change_pledge", "withdraw_pledge")


def find_need_problem(act: str, caller: Caller, need: Need, managers: Managers) -> Problem | None:
    """Return the problem that keeps the caller from this operation on the need; None if it is allowed."""
    return not_found() if view_of(caller, need) == "public" else NEED_RULES[act](caller, need, managers)


def acts_on_need(caller: Caller | None, need: Need, managers: Managers) -> list[str]:
    """List the operations that the caller may carry out on the need now."""
    return [act for act in NEED_RULES if find_need_problem(act, caller, need, managers) is None] if caller else []


def find_quantity_problem(need: Need, quantity: int | None) -> Problem | None:
    """Return the problem with the quantity that a verifier states: an unknown one has to be settled, a known one stays."""
    if need.quantity == 0:
        return quantity_unsettled() if quantity is None else None
    return None if quantity in {None, need.quantity} else quantity_settled(quantity=need.quantity)


def find_pledge_problem(caller: Caller, pledge: Pledge) -> Problem | None:
    """Return the problem that keeps the caller from changing or withdrawing the pledge; None if it is allowed."""
    if pledge.pledger_id != caller.id:
        return not_found()
    return state_conflict(state="withdrawn") if pledge.withdrawn else None


def acts_on_pledge(caller: Caller | None, pledge: Pledge) -> list[str]:
    """List the operations that the caller may carry out on the pledge now."""
    return list(PLEDGE_ACTS) if caller and find_pledge_problem(caller, pledge) is None else []


def find_validity_problem(valid_until: datetime, now: datetime) -> Problem | None:
    """Return the problem with a pledge's last moment: it has to lie within two years from now. None if it is right."""
    return None if now < valid_until < now + LONGEST_VALIDITY else past_validity()


def offers_more(pledge: Pledge, wanted: Mapping[str, Any], now: datetime) -> bool:
    """Tell whether a change offers more, offers it elsewhere, or offers again what had expired."""
    is_raised = wanted.get("quantity", 0) > pledge.quantity
    is_moved = wanted.get("region", pledge.region) != pledge.region
    return is_raised or is_moved or ("valid_until" in wanted and pledge.valid_until <= now)


def open_quantity(pledge: Pledge) -> int:
    """Return the quantity that is neither accepted nor proposed; nothing of a pledge that is withdrawn or rests."""
    return 0 if pledge.withdrawn or pledge.resting else max(0, pledge.quantity - pledge.accepted - pledge.proposed)
