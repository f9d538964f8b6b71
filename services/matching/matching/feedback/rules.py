"""Rules for photos, thanks and ratings: who may do what, when."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from chassis.data.database import now
from chassis.http.auth import Caller
from chassis.problems import Problem, not_allowed, state_conflict
from matching.book.model import Match
from matching.book.rules import GIVER, HOUSEHOLD, side_of
from matching.feedback.model import Feedback, Photo, Thanks
from matching.feedback.problems import already_rated, already_thanked, enough_photos, own_thanks, rating_over

ACTS = ("add_photo", "add_thanks_photo", "thank_giver", "rate_match")


Managers = Mapping[str, set[UUID]]


RATED_WITHIN = timedelta(days=14)


MOST_PHOTOS = 4
"""Of one side of a match."""


def find_problem(act: str, caller: Caller, match: Match, feedback: Feedback) -> Problem | None:
    """Return the problem that keeps the caller from this act, or None."""
    side = side_of(caller, match)
    return _REFUSALS[act](match, side, feedback) if side else not_allowed()


def acts_on_match(caller: Caller, match: Match, feedback: Feedback) -> list[str]:
    """List the feedback operations that the caller may carry out on the match now."""
    return [act for act in ACTS if find_problem(act, caller, match, feedback) is None]


def find_removal_problem(caller: Caller, photo: Photo) -> Problem | None:
    """Why the caller may not remove a photo, or None: each side its own, and the household's side what the giver shows of it."""
    if side_of(caller, photo.match) not in {photo.side, HOUSEHOLD}:
        return not_allowed()
    return state_conflict(state="removed") if photo.removed_at else None


def may_see_photo(caller: Caller, match: Match, feedback: Feedback, photo: Photo) -> bool:
    """Who may see the match; the giver sees what goes with thanks when those are released."""
    hidden = photo.purpose == "thanks" and side_of(caller, match) == GIVER
    return not hidden or any((thanks.photo_id, thanks.state) == (photo.id, "released") for thanks in feedback.thanks)


def find_decision_problem(caller: Caller, thanks: Thanks, managers: Managers) -> Problem | None:
    """Why the caller may neither release nor refuse thanks, or None: nobody judges what they wrote while somebody else could."""
    if not caller.manages(thanks.match.region):
        return not_allowed()
    if caller.id == thanks.author_id and find_other_managers(caller.id, thanks.match.region, managers):
        return own_thanks()
    return state_conflict(state=thanks.state) if thanks.state != "waiting" else None


def find_other_managers(person: UUID, region: str, managers: Managers) -> set[UUID]:
    """Who else manages a region, at whatever level."""
    return {one for managed, people in managers.items() if region.startswith(managed) for one in people} - {person}


def find_rating_deadline(match: Match) -> datetime | None:
    """Until when both sides may rate; None before there is anything to rate."""
    receipt = match.movement("received")
    began = receipt.at if receipt else match.closed_at
    return began + RATED_WITHIN if began else None


def select_current_photos(feedback: Feedback, side: str, purpose: str) -> Sequence[Photo]:
    """Return the photos of one side that were not removed."""
    return [photo for photo in feedback.photos if (photo.side, photo.purpose, photo.removed_at) == (side, purpose, None)]


def _add_photo(match: Match, side: str, feedback: Feedback) -> Problem | None:
    """Each side shows what it says itself: the giver what was sent, the household's side what arrived."""
    if not match.movement("sent" if side == GIVER else "received"):
        return state_conflict(state=match.state)
    return enough_photos(most=MOST_PHOTOS) if len(select_current_photos(feedback, side, "evidence")) >= MOST_PHOTOS else None


def _add_thanks_photo(match: Match, side: str, feedback: Feedback) -> Problem | None:
    if refused := _thankless(match, side):
        return refused
    return enough_photos(most=1) if select_current_photos(feedback, HOUSEHOLD, "thanks") else None


def _thank_giver(match: Match, side: str, feedback: Feedback) -> Problem | None:
    """Once, unless what was written was refused."""
    if refused := _thankless(match, side):
        return refused
    return already_thanked() if any(thanks.state != "refused" for thanks in feedback.thanks) else None


def _rate_match(match: Match, side: str, feedback: Feedback) -> Problem | None:
    """Once, within a fortnight after something arrived or the match was closed."""
    closes_at = find_rating_deadline(match)
    if closes_at is None:
        return state_conflict(state=match.state)
    if any(rating.side == side for rating in feedback.ratings):
        return already_rated()
    return rating_over() if closes_at <= now() else None


def _thankless(match: Match, side: str) -> Problem | None:
    if side != HOUSEHOLD:
        return not_allowed()
    return None if match.moved("received") else state_conflict(state=match.state)


_REFUSALS = {"add_photo": _add_photo, "add_thanks_photo": _add_thanks_photo, "thank_giver": _thank_giver, "rate_match": _rate_match}
