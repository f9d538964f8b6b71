"""Add and remove photos of what moved in a match."""

from uuid import UUID

from sqlalchemy.orm import Session

from chassis.data.encryption import fingerprint
from chassis.http import versions
from chassis.http.auth import Caller
from chassis.photos import actions as stored
from chassis.photos.image import clean_photo
from matching.book.lock import lock_match
from matching.book.model import Match
from matching.book.queries import get_visible_match
from matching.book.rules import side_of
from matching.feedback import rules
from matching.feedback.model import Photo
from matching.feedback.queries import get_visible_photo, load_feedback


def add_photo(session: Session, caller: Caller, match_id: UUID, data: bytes, media_type: str) -> Photo:
    """Add a photo as evidence of a movement. The same file again returns the existing photo. Raises what is wrong with the picture."""
    return _add(session, caller, match_id, data, media_type, "add_photo", "evidence")


def add_thanks_photo(session: Session, caller: Caller, match_id: UUID, data: bytes, media_type: str) -> Photo:
    """Add a photo for the thanks to come; the giver sees it once those are released."""
    return _add(session, caller, match_id, data, media_type, "add_thanks_photo", "thanks")


def _add(session: Session, caller: Caller, match_id: UUID, data: bytes, media_type: str, act: str, purpose: str) -> Photo:
    digest = fingerprint(data)
    match = get_visible_match(session, caller, match_id)
    picture = None if _find_same(session, match, caller, act, purpose, digest) else clean_photo(data, media_type)
    # Checked again under the lock, which is taken only once the picture is ready.
    match = lock_match(session, match, with_book=False)
    versions.check_if_match(session, match)
    if same := _find_same(session, match, caller, act, purpose, digest):
        return same
    picture = picture or clean_photo(data, media_type)
    photo = Photo(match_id=match.id, side=side_of(caller, match), purpose=purpose, **stored.columns_of(picture, digest, caller.id))
    session.add(photo)
    session.flush()
    return photo


def _find_same(session: Session, match: Match, caller: Caller, act: str, purpose: str, digest: bytes) -> Photo | None:
    """Find the caller's photo of the same file. Without one, raises the problem that keeps the caller from adding it."""
    feedback = load_feedback(session, match)
    current = rules.select_current_photos(feedback, side_of(caller, match) or "", purpose)
    same = stored.find_same_photo(current, digest, caller.id)
    if same is None and (problem := rules.find_feedback_problem(act, caller, match, feedback)):
        raise problem
    return same


def remove_photo(session: Session, caller: Caller, photo_id: UUID) -> Photo:
    """Remove a photo: the picture is deleted for good, its row stays."""
    get_visible_photo(session, caller, photo_id)
    photo = session.get_one(Photo, photo_id, with_for_update=True, populate_existing=True)
    versions.check_if_match(session, photo)
    if problem := rules.find_removal_problem(caller, photo):
        raise problem
    stored.remove_photo(photo, caller.id)
    session.flush()
    return photo
