"""Add, remove, show and erase photos of needs. Each act is a row of the need's history."""

import hashlib
from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from chassis.data.database import now
from chassis.data.encryption import fingerprint, holds_values
from chassis.http import versions
from chassis.http.auth import Caller
from chassis.photos import actions as stored
from chassis.photos.image import clean_photo, hash_look
from chassis.problems import not_found
from chassis.settings import RetentionSettings
from contracts.users import PersonErased
from needs.duplicates import actions as duplicates
from needs.life.model import Change
from needs.model import Need
from needs.photos import rules
from needs.photos.model import NeedPhoto
from needs.photos.queries import get_visible_photo, list_current_photos

ERASED_AT_ONCE = 1_000


def add_photo(session: Session, caller: Caller, need_id: UUID, kind: str, data: bytes, media_type: str) -> NeedPhoto:
    """Add a photo of a kind to a need. The same file again returns the existing photo. Raises what is wrong with the picture."""
    digest = fingerprint(data)
    need = session.get(Need, need_id)
    picture = None if _find_same(session, need, caller, kind, digest) else clean_photo(data, media_type)
    # Checked again under the lock, which is taken only once the picture is ready.
    need = session.get(Need, need_id, with_for_update={"of": Need}, populate_existing=True)
    if need is None:
        raise not_found()
    versions.check_if_match(session, need)
    if same := _find_same(session, need, caller, kind, digest):
        return same
    picture = picture or clean_photo(data, media_type)
    photo = NeedPhoto(need_id=need.id, kind=kind, **stored.columns_of(picture, digest, caller.id))
    session.add(photo)
    _record(session, need, caller, "photo_added")
    session.flush()
    if kind == "need":
        duplicates.note_photo(session, need.id, hashlib.sha256(data).digest(), hash_look(picture))
    session.flush()
    return photo


def remove_photo(session: Session, caller: Caller, photo_id: UUID) -> NeedPhoto:
    """Remove a photo: the picture is deleted for good, its row stays."""
    photo = _lock_photo(session, caller, photo_id)
    if problem := rules.find_removal_problem(caller, photo):
        raise problem
    stored.remove_photo(photo, caller.id)
    photo.is_public = False
    _record(session, photo.need, caller, "photo_removed")
    session.flush()
    return photo


def show_photo(session: Session, caller: Caller, photo_id: UUID, *, is_public: bool) -> NeedPhoto:
    """Show a photo of a need to the public, or hide it again, as a reviewer."""
    photo = _lock_photo(session, caller, photo_id)
    if problem := rules.find_showing_problem(caller, photo):
        raise problem
    if photo.is_public != is_public:
        photo.is_public, photo.shown_by, photo.version = is_public, caller.id, photo.version + 1
        _record(session, photo.need, caller, "photo_shown" if is_public else "photo_hidden")
    session.flush()
    return photo


def erase_people(session: Session, events: Sequence[PersonErased]) -> None:
    """Erase the photos of the needs of people who were erased."""
    accounts, households = {event.account_id for event in events}, {event.household_id for event in events}
    theirs = select(Need.id).where(or_(Need.household_id.in_(households), Need.account_id.in_(accounts)))
    stored.erase_photos(session, NeedPhoto, NeedPhoto.need_id.in_(theirs))


def erase_old_photos(session: Session) -> None:
    """Erase the photos of needs that ended longer ago than texts are kept, a thousand needs at a time."""
    limit = now() - RetentionSettings.of_environment().texts
    old = select(Need.id).join(NeedPhoto, NeedPhoto.need_id == Need.id).where(Need.ended_at < limit, holds_values(NeedPhoto))
    if needs := session.scalars(old.distinct().limit(ERASED_AT_ONCE)).all():
        stored.erase_photos(session, NeedPhoto, NeedPhoto.need_id.in_(needs))


def _find_same(session: Session, need: Need | None, caller: Caller, kind: str, digest: bytes) -> NeedPhoto | None:
    """Find the caller's photo of the same file. Without one, raises the problem that keeps the caller from adding it."""
    if need is None:
        raise not_found()
    current = [photo for photo in list_current_photos(session, need.id) if photo.kind == kind]
    same = stored.find_same_photo(current, digest, caller.id)
    if same is not None and rules.may_see_photo(caller, same):
        return same
    if problem := rules.find_adding_problem(caller, need, kind, len(current)):
        raise problem
    return None


def _lock_photo(session: Session, caller: Caller, photo_id: UUID) -> NeedPhoto:
    """Lock a visible photo after its need, whose state decides. Raises `not_found` or `stale`."""
    need_id = get_visible_photo(session, caller, photo_id).need_id
    session.get_one(Need, need_id, with_for_update={"of": Need}, populate_existing=True)
    photo = session.get_one(NeedPhoto, photo_id, with_for_update=True, populate_existing=True)
    versions.check_if_match(session, photo)
    return photo


def _record(session: Session, need: Need, caller: Caller, act: str) -> None:
    state = {"version": need.version, "state": need.state, "quantity": need.quantity, "expires_at": need.expires_at}
    session.add(Change(need_id=need.id, act=act, by_id=caller.id, at=now(), **state))
