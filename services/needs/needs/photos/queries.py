"""Queries of photos of needs, as far as the caller may see them."""

from collections.abc import Collection, Sequence
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session, joinedload, undefer

from chassis.http.auth import Caller
from chassis.photos.problems import photo_removed
from chassis.problems import Problem, not_found
from needs.consents.problems import consent_answer_needed
from needs.consents.queries import has_agreed
from needs.consents.rules import BY_SMS
from needs.model import Need
from needs.photos import rules
from needs.photos.model import NeedPhoto
from needs.photos.problems import consent_photo_needed


def list_current_photos(session: Session, need_id: UUID) -> Sequence[NeedPhoto]:
    """List the photos of a need that were not removed, oldest first."""
    standing = select(NeedPhoto).where(NeedPhoto.need_id == need_id, NeedPhoto.removed_at.is_(None))
    return session.scalars(standing.options(joinedload(NeedPhoto.need)).order_by(NeedPhoto.id)).all()


def count_photos(session: Session, needs: Collection[UUID]) -> dict[tuple[UUID, str], int]:
    """Count the photos of needs that were not removed, by need and kind, with one query; none for no needs."""
    if not needs:
        return {}
    standing = select(NeedPhoto.need_id, NeedPhoto.kind, func.count()).where(NeedPhoto.need_id.in_(needs), NeedPhoto.removed_at.is_(None))
    return {(need_id, kind): count for need_id, kind, count in session.execute(standing.group_by(NeedPhoto.need_id, NeedPhoto.kind))}


def get_visible_photo(session: Session, caller: Caller | None, photo_id: UUID, *, whole: bool = False) -> NeedPhoto:
    """Get a photo that the caller may see; a `whole` one with its picture. Raises `not_found`, `photo_removed` for a removed picture."""
    query = select(NeedPhoto).where(NeedPhoto.id == photo_id).options(joinedload(NeedPhoto.need))
    photo = session.scalar(query.options(undefer(NeedPhoto.data)) if whole else query)
    if photo is None or not rules.may_see_photo(caller, photo):
        raise not_found()
    if whole and photo.data is None:
        raise photo_removed()
    return photo


def find_consent_problem(session: Session, need: Need) -> Problem | None:
    """Return the problem of a need whose consent was to be shown: by the photo of a slip, or by an answered SMS and else by the photo."""
    if need.consent not in {"slip_photo", BY_SMS} or (need.consent == BY_SMS and has_agreed(session, need.id)):
        return None
    slip = select(NeedPhoto.id).where(NeedPhoto.need_id == need.id, NeedPhoto.kind == "consent", NeedPhoto.removed_at.is_(None))
    if session.scalars(slip.limit(1)).first() is not None:
        return None
    return consent_answer_needed() if need.consent == BY_SMS else consent_photo_needed()
