"""What somebody may add to a match, by its side and what happened in it: the actions refuse by these rules, and every answer lists them."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from chassis.auth import Caller
from chassis.database import now
from chassis.problems import Problem, not_allowed, state_conflict
from matching.allowed import GIVER, HOUSEHOLD, is_the_countys, side_of, who_acted
from matching.model import Match
from matching.trust.model import Appeal, Mark, Photo, Rating, Thanks
from matching.trust.problems import (
    already_rated,
    already_thanked,
    enough_photos,
    nothing_to_appeal,
    own_appeal,
    own_thanks,
    rating_over,
)

ACTS = ("add_photo", "add_thanks_photo", "thank_giver", "rate_match")
Managers = Mapping[str, set[UUID]]
RATED_WITHIN = timedelta(days=14)
MOST_PHOTOS = 4
"""Of one side of a match."""


def refusal(act: str, caller: Caller, match: Match) -> Problem | None:
    """Why the caller may not do this now, or None."""
    side = side_of(caller, match)
    return _REFUSALS[act](match, side) if side else not_allowed()


def acts_on_match(caller: Caller, match: Match) -> list[str]:
    """The operations of this kind that the caller may carry out on the match now."""
    return [act for act in ACTS if refusal(act, caller, match) is None]


def photo_refusal(caller: Caller, photo: Photo) -> Problem | None:
    """Why the caller may not remove a photo, or None: each side its own, and the household's side what the giver shows of it."""
    if side_of(caller, photo.match) not in {photo.side, HOUSEHOLD}:
        return not_allowed()
    return state_conflict(state="removed") if photo.removed_at else None


def may_see(caller: Caller, match: Match, photo: Photo) -> bool:
    """Who may see the match; the giver sees what goes with thanks when those are released."""
    hidden = photo.purpose == "thanks" and side_of(caller, match) == GIVER
    return not hidden or any((thanks.photo_id, thanks.state) == (photo.id, "released") for thanks in thanks_of(match))


def deciding_refusal(caller: Caller, thanks: Thanks, managers: Managers) -> Problem | None:
    """Why the caller may neither release nor refuse thanks, or None: nobody judges what they wrote while somebody else could."""
    if not caller.manages(thanks.match.region):
        return not_allowed()
    if caller.id == thanks.author_id and others_than(caller.id, thanks.match.region, managers):
        return own_thanks()
    return state_conflict(state=thanks.state) if thanks.state != "waiting" else None


def others_than(person: UUID, region: str, managers: Managers) -> set[UUID]:
    """Who else manages a region, at whatever level."""
    return {one for managed, people in managers.items() if region.startswith(managed) for one in people} - {person}


def mark_refusal(caller: Caller, mark: Mark) -> Problem | None:
    """Why the caller may not appeal against a mark, or None."""
    if mark.person_id != caller.id:
        return not_allowed()
    return nothing_to_appeal() if not mark.bad or mark.void_at or mark.appeal else None


def appeal_refusal(caller: Caller, appeal: Appeal) -> Problem | None:
    """Why the caller may not decide an appeal, or None: it is the county's, and nobody's who took part in the match."""
    match = appeal.mark.match
    if not is_the_countys(caller, match):
        return not_allowed()
    if caller.id in involved_in(appeal):
        return own_appeal()
    return state_conflict(state=appeal.state) if appeal.state != "waiting" else None


def involved_in(appeal: Appeal, until: datetime | None = None) -> set[UUID]:
    """Who took part in what an appeal is about, by then if said so, and so does not decide it."""
    match = appeal.mark.match
    raters = {rating.by for rating in ratings_of(match) if until is None or rating.at <= until}
    return who_acted(match, until) | raters | {appeal.person_id}


def rating_closes(match: Match) -> datetime | None:
    """Until when both sides may rate; None before there is anything to rate."""
    receipt = match.movement("received")
    began = receipt.at if receipt else match.closed_at
    return began + RATED_WITHIN if began else None


def ratings_of(match: Match) -> Sequence[Rating]:
    found: Sequence[Rating] = match.ratings  # type: ignore[attr-defined]
    return found


def thanks_of(match: Match) -> Sequence[Thanks]:
    found: Sequence[Thanks] = match.thanks  # type: ignore[attr-defined]
    return found


def standing(match: Match, side: str, purpose: str) -> Sequence[Photo]:
    """The photos of one side that were not removed."""
    photos: Any = match.photos  # type: ignore[attr-defined]
    return [photo for photo in photos if (photo.side, photo.purpose, photo.removed_at) == (side, purpose, None)]


def _add_photo(match: Match, side: str) -> Problem | None:
    """Each side shows what it says itself: the giver what was sent, the household's side what arrived."""
    if not match.movement("sent" if side == GIVER else "received"):
        return state_conflict(state=match.state)
    return enough_photos(most=MOST_PHOTOS) if len(standing(match, side, "evidence")) >= MOST_PHOTOS else None


def _add_thanks_photo(match: Match, side: str) -> Problem | None:
    if refused := _thankless(match, side):
        return refused
    return enough_photos(most=1) if standing(match, HOUSEHOLD, "thanks") else None


def _thank_giver(match: Match, side: str) -> Problem | None:
    """Once, unless what was written was refused."""
    if refused := _thankless(match, side):
        return refused
    return already_thanked() if any(thanks.state != "refused" for thanks in thanks_of(match)) else None


def _rate_match(match: Match, side: str) -> Problem | None:
    """Once, within a fortnight after something arrived or the match was closed."""
    closes_at = rating_closes(match)
    if closes_at is None:
        return state_conflict(state=match.state)
    if any(rating.side == side for rating in ratings_of(match)):
        return already_rated()
    return rating_over() if closes_at <= now() else None


def _thankless(match: Match, side: str) -> Problem | None:
    if side != HOUSEHOLD:
        return not_allowed()
    return None if match.moved("received") else state_conflict(state=match.state)


_REFUSALS = {"add_photo": _add_photo, "add_thanks_photo": _add_thanks_photo, "thank_giver": _thank_giver, "rate_match": _rate_match}
