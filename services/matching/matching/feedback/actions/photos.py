"""Photos of what moved: added by the side that says so, seen by both and the administrators of the region, removed by who added them."""

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session, undefer

from chassis.data.database import now
from chassis.data.encryption import fingerprint
from chassis.http import versions
from chassis.http.auth import Caller
from chassis.problems import not_found
from matching.book.lock import lock_match
from matching.book.model import Match
from matching.book.queries import find_visible_match
from matching.book.rules import side_of
from matching.feedback import rules
from matching.feedback.image import clean_photo
from matching.feedback.model import Feedback, Photo
from matching.feedback.problems import photo_removed
from matching.feedback.queries import load_feedback


def add_photo(session: Session, caller: Caller, match_id: UUID, data: bytes, media_type: str) -> Photo:
    """Raises what is wrong with the picture. The same file sent again is the photo that is there."""
    return _add(session, caller, match_id, data, media_type, "add_photo", "evidence")


def add_thanks_photo(session: Session, caller: Caller, match_id: UUID, data: bytes, media_type: str) -> Photo:
    """A photo for the thanks that are to follow; the giver does not see it before those are released."""
    return _add(session, caller, match_id, data, media_type, "add_thanks_photo", "thanks")


def _add(session: Session, caller: Caller, match_id: UUID, data: bytes, media_type: str, act: str, purpose: str) -> Photo:
    digest = fingerprint(data)
    match = find_visible_match(session, caller, match_id)
    picture = None
    feedback = load_feedback(session, match)
    if not _known(feedback, match, caller, purpose, digest):
        _require(act, caller, match, feedback)
        picture = clean_photo(data, media_type)
    # Looked at again, because the match is locked only now that the picture is ready.
    match = lock_match(session, match, with_book=False)
    versions.check_if_match(session, match)
    feedback = load_feedback(session, match)
    if known := _known(feedback, match, caller, purpose, digest):
        return known
    _require(act, caller, match, feedback)
    picture = picture or clean_photo(data, media_type)
    side = side_of(caller, match)
    photo = Photo(
        match_id=match.id, side=side, purpose=purpose, added_by=caller.id, added_at=now(), digest=digest, version=1,
        data=picture.data, size=len(picture.data), width=picture.width, height=picture.height,
    )  # fmt: skip
    session.add(photo)
    session.flush()
    return photo


def _require(act: str, caller: Caller, match: Match, feedback: Feedback) -> None:
    if refusal := rules.find_problem(act, caller, match, feedback):
        raise refusal


def _known(feedback: Feedback, match: Match, caller: Caller, purpose: str, digest: bytes) -> Photo | None:
    standing = rules.select_current_photos(feedback, side_of(caller, match) or "", purpose)
    return next((photo for photo in standing if photo.digest == digest and photo.added_by == caller.id), None)


def remove_photo(session: Session, caller: Caller, photo_id: UUID) -> Photo:
    """The picture is gone for good; that there was one stays."""
    find_visible_photo(session, caller, photo_id)
    photo = session.get_one(Photo, photo_id, with_for_update=True, populate_existing=True)
    versions.check_if_match(session, photo)
    if refusal := rules.find_removal_problem(caller, photo):
        raise refusal
    photo.data, photo.removed_at, photo.removed_by, photo.version = None, now(), caller.id, photo.version + 1
    session.flush()
    return photo


def list_photos(session: Session, caller: Caller, match_id: UUID) -> list[Photo]:
    """Those of a match that the caller may see and that were not removed."""
    match = find_visible_match(session, caller, match_id)
    feedback = load_feedback(session, match)
    return [photo for photo in feedback.photos if photo.removed_at is None and rules.may_see_photo(caller, match, feedback, photo)]


def find_visible_photo(session: Session, caller: Caller, photo_id: UUID, *, whole: bool = False) -> Photo:
    """Raises `not_found` for who may not see it, and of a `whole` one `photo_removed` when nothing is left of it."""
    query = select(Photo).where(Photo.id == photo_id)
    photo: Photo | None = session.scalar(query.options(undefer(Photo.data)) if whole else query)
    if photo is None:
        raise not_found()
    match = find_visible_match(session, caller, photo.match_id)
    if not rules.may_see_photo(caller, match, load_feedback(session, match), photo):
        raise not_found()
    if whole and photo.data is None:
        raise photo_removed()
    return photo
