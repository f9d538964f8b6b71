"""Rules for photos, thanks and ratings: the actions refuse by them, and every answer lists the acts that they allow."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from chassis.data.database import now
from chassis.http.auth import Caller
from chassis.photos.problems import enough_photos
from chassis.problems import Problem, not_allowed, state_conflict
from matching.book.model import Match
from matching.book.rules import GIVER, HOUSEHOLD, side_of
from matching.feedback.model import Feedback, Photo, Thanks
from matching.feedback.problems import already_rated, already_thanked, own_thanks, rating_over

ACTS = ("add_photo", "add_thanks_photo", "thank_giver", "rate_match")

Managers = Mapping[str, set[UUID]]
"""The people who manage each region."""

RATED_WITHIN = timedelta(days=14)

MOST_PHOTOS = 4
"""Most photos of evidence of one side of a match."""


def find_feedback_problem(act: str, caller: Caller, match: Match, feedback: Feedback) -> Problem | None:
    """Return the problem that keeps the caller from this act on the match now, or None."""
    side = side_of(caller, match)
    return _FIND_PROBLEM[act](match, side, feedback) if side else not_allowed()


def feedback_acts_on_match(caller: Caller, match: Match, feedback: Feedback) -> list[str]:
    """List the feedback operations that the caller may carry out on the match now."""
    return [act for act in ACTS if find_feedback_problem(act, caller, match, feedback) is None]


def find_removal_problem(caller: Caller, photo: Photo) -> Problem | None:
    """Return the problem that keeps the caller from removing a photo, or None.

    Each side removes its own photos; the household's side also removes the giver's photos of its match.
    """
    if side_of(caller, photo.match) not in {photo.side, HOUSEHOLD}:
        return not_allowed()
    return state_conflict(state="removed") if photo.removed_at else None


def may_see_photo(caller: Caller, match: Match, feedback: Feedback, photo: Photo) -> bool:
    """Tell whether a caller who may see the match may see the photo; the giver sees a thanks photo once the thanks are released."""
    is_hidden = photo.purpose == "thanks" and side_of(caller, match) == GIVER
    return not is_hidden or any((thanks.photo_id, thanks.state) == (photo.id, "released") for thanks in feedback.thanks)


def find_decision_problem(caller: Caller, thanks: Thanks, managers: Managers) -> Problem | None:
    """Return the problem that keeps the caller from releasing or refusing thanks, or None.

    Authors decide their own thanks only when nobody else manages the region.
    """
    if not caller.manages(thanks.match.region):
        return not_allowed()
    if caller.id == thanks.author_id and find_other_managers(caller.id, thanks.match.region, managers):
        return own_thanks()
    return state_conflict(state=thanks.state) if thanks.state != "waiting" else None


def find_other_managers(person: UUID, region: str, managers: Managers) -> set[UUID]:
    """Find the others who manage a region, at whatever level."""
    return {one for managed, people in managers.items() if region.startswith(managed) for one in people} - {person}


def find_rating_deadline(match: Match) -> datetime | None:
    """Return the moment until which both sides may rate; None before anything was received and while the match is not closed."""
    receipt = match.movement("received")
    began = receipt.at if receipt else match.closed_at
    return began + RATED_WITHIN if began else None


def select_current_photos(feedback: Feedback, side: str, purpose: str) -> Sequence[Photo]:
    """Return the photos of one side and purpose that were not removed."""
    return [photo for photo in feedback.photos if (photo.side, photo.purpose, photo.removed_at) == (side, purpose, None)]


def _find_photo_problem(match: Match, side: str, feedback: Feedback) -> Problem | None:
    """Each side shows its own movement: the giver the sending, the household's side the receipt."""
    if not match.movement("sent" if side == GIVER else "received"):
        return state_conflict(state=match.state)
    return enough_photos(most=MOST_PHOTOS) if len(select_current_photos(feedback, side, "evidence")) >= MOST_PHOTOS else None


def _find_thanks_photo_problem(match: Match, side: str, feedback: Feedback) -> Problem | None:
    if problem := _find_receipt_problem(match, side):
        return problem
    return enough_photos(most=1) if select_current_photos(feedback, HOUSEHOLD, "thanks") else None


def _find_thanks_problem(match: Match, side: str, feedback: Feedback) -> Problem | None:
    """The household's side thanks once; again only after a refusal."""
    if problem := _find_receipt_problem(match, side):
        return problem
    return already_thanked() if any(thanks.state != "refused" for thanks in feedback.thanks) else None


def _find_rating_problem(match: Match, side: str, feedback: Feedback) -> Problem | None:
    """Each side rates once, before the deadline."""
    closes_at = find_rating_deadline(match)
    if closes_at is None:
        return state_conflict(state=match.state)
    if any(rating.side == side for rating in feedback.ratings):
        return already_rated()
    return rating_over() if closes_at <= now() else None


def _find_receipt_problem(match: Match, side: str) -> Problem | None:
    """Only the household's side gives thanks, for something that it received."""
    if side != HOUSEHOLD:
        return not_allowed()
    return None if match.moved("received") else state_conflict(state=match.state)


_FIND_PROBLEM = {
    "add_photo": _find_photo_problem,
    "add_thanks_photo": _find_thanks_photo_problem,
    "thank_giver": _find_thanks_problem,
    "rate_match": _find_rating_problem,
}
