"""Rules of the register: who sees a household whole, who may do what with it, which event a change is. No rule needs a database."""

from typing import Literal

from chassis.http.auth import Caller
from chassis.problems import Problem, not_allowed, state_conflict
from users.households.model import Household
from users.problems import phone_kind_wrong

VILLAGE_DIGITS = 12
REGISTERING = ("register_household", "import_households", "prove_registration", "close_claim", "link_household_account")
"""The acts that `HouseholdRegistered` is published for: those that enter a household or change its account."""
WITHOUT_ACCOUNT = "link_household_account"
ACTS = ("edit_household", "change_head", "add_member", "enter_household_label", "end_household", WITHOUT_ACCOUNT)
"""The operations on a standing household that every administrator of its village or above may carry out."""
MOVE, REVEAL = "move_household", "reveal_household"

View = Literal["own", "village", "region"]
LARGEST_PUBLISHED = 100
"""The largest size that the contract of the events allows."""


def view_of(caller: Caller, household: Household) -> View:
    """Return the caller's view of a household: `own` and `village` (by its own administrator) are whole, `region` is masked."""
    if household.account_id == caller.id:
        return "own"
    return "village" if household.region in caller.regions else "region"


def find_household_problem(act: str, caller: Caller, household: Household) -> Problem | None:
    """Return the problem that keeps the caller from this operation on a household that they see; None if they may.

    Moving takes an administrator of both villages, so of a wider region. Whoever sees the household whole has nothing to reveal.
    """
    if not caller.manages(household.region):
        return not_allowed()
    if act == REVEAL:
        return not_allowed() if view_of(caller, household) != "region" else None
    if act == MOVE and not manages_wider(caller, household.region):
        return not_allowed()
    if household.ended_at:
        return state_conflict(state="ended")
    return state_conflict(state="linked") if act == WITHOUT_ACCOUNT and household.account_id else None


def manages_wider(caller: Caller, village: str) -> bool:
    """Tell whether the caller manages a region wider than this village and around it."""
    return any(len(region) < VILLAGE_DIGITS and village.startswith(region) for region in caller.regions)


def acts_on_household(caller: Caller, household: Household) -> list[str]:
    """List the operations that the caller may carry out on the household now."""
    return [act for act in (*ACTS, MOVE, REVEAL) if find_household_problem(act, caller, household) is None]


def event_of_act(act: str, *, has_moved: bool, has_ended: bool) -> Literal["registered", "changed", "moved", "ended"]:
    """Return which kind of event an act on a household is."""
    if has_ended:
        return "ended"
    if has_moved:
        return "moved"
    return "registered" if act in REGISTERING else "changed"


def find_phone_kind_problem(phone: str | None, kind: str | None, *, is_landline: bool) -> Problem | None:
    """Return the problem with stating whose telephone it is, or None: a landline is one, no other is, and `none` has no number."""
    if kind is None:
        return None
    fits = kind == "none" if phone is None else kind != "none" and (kind == "landline") == is_landline
    return None if fits else phone_kind_wrong()


def is_shared(kind: str | None, number_of_households: int) -> bool:
    """Tell whether a telephone that the village noted as the household's own stands with others too."""
    return kind in {None, "own"} and number_of_households > 1


def shown_size(stated: int | None, members: int) -> int | None:
    """Return the size of a household: as stated, at least its head and known members; None while nothing is known."""
    return max(stated or 0, members + 1) if stated or members else None


def published_size(stated: int | None, members: int) -> int | None:
    """Return the size that events state, which has a bound."""
    size = shown_size(stated, members)
    return min(size, LARGEST_PUBLISHED) if size else None


def size_without(stated: int | None, leaving: int) -> int | None:
    """Return the stated size of a household that so many people left: those who left are no longer counted in it."""
    return max(1, stated - leaving) if stated else None


def size_together(into: int | None, ended: int | None, twice: int, *, is_same: bool) -> int | None:
    """Return the size of two households that are one now, of which `twice` people stood in both; None unless both are known.

    If the head of the ended one stood in the other one too (`is_same`), the same people were registered twice.
    """
    if not into or not ended:
        return None
    return max(into, ended) if is_same else max(into, into + ended - twice)
