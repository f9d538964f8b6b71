"""Queries for photos, thanks and ratings, as far as the caller may see them."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, or_, select
from sqlalchemy.orm import Session, joinedload, undefer

from chassis.data.appointments import managers_of
from chassis.data.database import below
from chassis.http.auth import Caller
from chassis.http.pagination import page
from chassis.photos.problems import photo_removed
from chassis.problems import not_found
from matching.book.model import Match
from matching.book.queries import get_visible_match, is_own_match
from matching.book.rules import side_of
from matching.feedback import rules
from matching.feedback.model import Feedback, Photo, Rating, Thanks


def load_feedback_by_match(session: Session, matches: Collection[Match]) -> Mapping[UUID, Feedback]:
    """Load the feedback on several matches with one query for each kind; a match without feedback has an empty one."""
    # Before the sending and the closing there can be no photo, thanks or rating.
    ids = [match.id for match in matches if match.movement("sent") or match.closed_at]
    if not ids:
        return defaultdict(Feedback)
    photos, thanks, ratings = (_by_match(session, entity, ids) for entity in (Photo, Thanks, Rating))
    return {match.id: Feedback(photos[match.id], thanks[match.id], ratings[match.id]) for match in matches}


def load_feedback(session: Session, match: Match) -> Feedback:
    """Load the feedback on one match."""
    return load_feedback_by_match(session, [match])[match.id]


def _by_match(session: Session, entity: Any, ids: Collection[UUID]) -> Mapping[UUID, list[Any]]:
    found: dict[UUID, list[Any]] = defaultdict(list)
    for row in session.scalars(select(entity).where(entity.match_id.in_(ids)).order_by(*entity.__mapper__.primary_key)):
        found[row.match_id].append(row)
    return found


def list_photos(session: Session, caller: Caller, match_id: UUID) -> list[Photo]:
    """List the photos of a match that the caller may see and that were not removed."""
    match = get_visible_match(session, caller, match_id)
    feedback = load_feedback(session, match)
    return [photo for photo in feedback.photos if photo.removed_at is None and rules.may_see_photo(caller, match, feedback, photo)]


def get_visible_photo(session: Session, caller: Caller, photo_id: UUID, *, whole: bool = False) -> Photo:
    """Get a photo that the caller may see; a `whole` one with its picture. Raises `not_found`, `photo_removed` for a removed picture."""
    query = select(Photo).where(Photo.id == photo_id)
    photo: Photo | None = session.scalar(query.options(undefer(Photo.data)) if whole else query)
    if photo is None:
        raise not_found()
    match = get_visible_match(session, caller, photo.match_id)
    if not rules.may_see_photo(caller, match, load_feedback(session, match), photo):
        raise not_found()
    if whole and photo.data is None:
        raise photo_removed()
    return photo


def get_visible_thanks(session: Session, caller: Caller, thanks_id: UUID) -> Thanks:
    """Get thanks that the caller may see. Raises `not_found`."""
    query = _whole_thanks().where(Thanks.id == thanks_id, or_(_is_own_thanks(caller), caller.within(Match.region)))
    thanks: Thanks | None = session.scalars(query).first()
    if thanks is None:
        raise not_found()
    return thanks


def list_own_thanks(session: Session, caller: Caller, state: str | None = None, **paging: Any) -> dict[str, Any]:
    """List one page of the thanks that the caller received, and of those that the caller or the caller's household wrote."""
    return _page_of_thanks(session, _whole_thanks().where(_is_own_thanks(caller)), state, **paging)


def list_managed_thanks(session: Session, caller: Caller, region: str = "", state: str | None = None, **paging: Any) -> dict[str, Any]:
    """List one page of the thanks in the regions that the caller manages."""
    query = _whole_thanks().where(caller.within(Match.region))
    return _page_of_thanks(session, query.where(below(Match.region, region)) if region else query, state, **paging)


def load_managers(session: Session, caller: Caller, several: Collection[Thanks]) -> rules.Managers:
    """Load the managers of the regions of waiting thanks that the caller wrote, with one query if there are any."""
    regions = {thanks.match.region for thanks in several if thanks.author_id == caller.id and thanks.state == "waiting"}
    return managers_of(session, regions) if regions and caller.regions else {}


def _page_of_thanks(session: Session, query: Select[Any], state: str | None, **paging: Any) -> dict[str, Any]:
    return page(session, query.where(Thanks.state == state) if state else query, Thanks.id, **paging)


def _whole_thanks() -> Select[Any]:
    return select(Thanks).join(Thanks.match).options(undefer(Thanks.text), joinedload(Thanks.match))


def _is_own_thanks(caller: Caller) -> ColumnElement[bool]:
    return is_own_match(caller) & or_(Match.pledger_id != caller.id, Thanks.state == "released")


@dataclass(frozen=True)
class Ratings:
    """The ratings of a match as one side sees them: `theirs` only once it is shown; nobody can rate after `closes_at`."""

    match: Match
    mine: Rating | None
    theirs: Rating | None
    closes_at: datetime | None


def load_ratings(session: Session, caller: Caller, match_id: UUID) -> Ratings:
    """Load the ratings of a match as the caller's side sees them. Raises `not_found`."""
    match = get_visible_match(session, caller, match_id)
    return load_ratings_seen_by(session, match, side_of(caller, match))


def load_ratings_seen_by(session: Session, match: Match, side: str | None) -> Ratings:
    """Load the ratings of a match as a side sees them."""
    by_side = {rating.side: rating for rating in load_feedback(session, match).ratings}
    mine = by_side.pop(side or "", None)
    theirs = next((rating for rating in by_side.values() if rating.shown_at), None)
    return Ratings(match, mine, theirs, rules.find_rating_deadline(match))
