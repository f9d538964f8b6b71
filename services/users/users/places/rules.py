"""Rules of collection points: who changes them, and who confirms what waits. No rule needs a database."""

from chassis.http.auth import Caller
from chassis.problems import Problem, not_allowed, state_conflict
from users.places.model import Place
from users.problems import own_proposal, proposer_left

LEVELS = (6, 9, 12)
"""Lengths of the codes of regions that have collection points: counties, townships, villages."""
_ABOVE = {6: 4, 9: 6, 12: 9}
ACTS = ("change_place", "confirm_place", "refuse_place")
CONFIRMED = ("name", "address", "telephone")
"""What counts only after the level above confirmed it: these stand on parcels, so goods could be led astray by them."""
ROUTE = (*CONFIRMED, "hours", "state")
"""What givers under way have to know when it changes."""


def region_above(region: str) -> str:
    """Return the region whose administrators, or those above them, confirm what is proposed for a point of this region."""
    return region[: _ABOVE[len(region)]]


def manages_above(caller: Caller, region: str) -> bool:
    """Tell whether the caller manages a wider region around this one."""
    return any(len(managed) < len(region) and region.startswith(managed) for managed in caller.regions)


def find_place_problem(act: str, caller: Caller, place: Place, *, proposer_stands: bool) -> Problem | None:
    """Return the problem that keeps the caller from this act on a point now, or None.

    `proposer_stands` tells whether whoever made the proposal still manages the region: nobody confirms what a dismissed person asked for.
    """
    may = {
        "change_place": caller.manages(place.region),
        "confirm_place": manages_above(caller, place.region),
        "refuse_place": caller.manages(place.region),
    }[act]
    if not may:
        return not_allowed()
    if act == "change_place":
        return None if place.published_version is not None else state_conflict(state=place.state)
    if place.proposal_id is None:
        return state_conflict(state=place.state)
    if act == "confirm_place" and place.proposed_by == caller.id:
        return own_proposal()
    return proposer_left() if act == "confirm_place" and not proposer_stands else None


def acts_on_place(caller: Caller, place: Place, *, proposer_stands: bool) -> list[str]:
    """List the operations that the caller may carry out on the point now."""
    return [act for act in ACTS if find_place_problem(act, caller, place, proposer_stands=proposer_stands) is None]
