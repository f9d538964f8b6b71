"""What somebody may add to a match, by its side and what happened in it: the actions refuse by these rules, and every answer lists them."""

from collections.abc import Sequence
from typing import Any

from chassis.auth import Caller
from chassis.problems import Problem, not_allowed, state_conflict
from matching.allowed import on_household_side
from matching.model import Match
from matching.trust.model import Photo
from matching.trust.problems import enough_photos

ACTS = ("add_photo",)
GIVER, HOUSEHOLD = "giver", "household"
MOST_PHOTOS = 4
"""Of one side of a match."""


def side_of(caller: Caller, match: Match) -> str | None:
    """The side on which the caller stands, or None."""
    if caller.id == match.pledger_id:
        return GIVER
    return HOUSEHOLD if on_household_side(caller, match) else None


def refusal(act: str, caller: Caller, match: Match) -> Problem | None:
    """Why the caller may not do this now, or None."""
    side = side_of(caller, match)
    return _REFUSALS[act](match, side) if side else not_allowed()


def acts_on_match(caller: Caller, match: Match) -> list[str]:
    """The operations of this kind that the caller may carry out on the match now."""
    return [act for act in ACTS if refusal(act, caller, match) is None]


def photo_refusal(caller: Caller, photo: Photo) -> Problem | None:
    """Why the caller may not remove a photo, or None."""
    if photo.added_by != caller.id:
        return not_allowed()
    return state_conflict(state="removed") if photo.removed_at else None


def standing(match: Match, side: str, purpose: str) -> Sequence[Photo]:
    """The photos of one side that were not removed."""
    photos: Any = match.photos  # type: ignore[attr-defined]
    return [photo for photo in photos if (photo.side, photo.purpose, photo.removed_at) == (side, purpose, None)]


def _add_photo(match: Match, side: str) -> Problem | None:
    """Each side shows what it says itself: the giver what was sent, the household's side what arrived."""
    if not match.movement("sent" if side == GIVER else "received"):
        return state_conflict(state=match.state)
    return enough_photos(most=MOST_PHOTOS) if len(standing(match, side, "evidence")) >= MOST_PHOTOS else None


_REFUSALS = {"add_photo": _add_photo}
