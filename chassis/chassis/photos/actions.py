"""Store, find, remove and erase photos. Each service decides who may, and how many."""

from collections.abc import Iterable
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import update
from sqlalchemy.orm import Session

from chassis.data.database import now
from chassis.photos.image import Picture
from chassis.photos.model import StoredPhoto

P = TypeVar("P", bound=StoredPhoto)


def columns_of(picture: Picture, digest: bytes, added_by: UUID) -> dict[str, Any]:
    """Return the columns of a new photo: `Photo(match_id=…, **columns_of(picture, fingerprint(file), caller.id))`."""
    measured = {"size": len(picture.data), "width": picture.width, "height": picture.height}
    return {"added_by": added_by, "added_at": now(), "digest": digest, "data": picture.data, "version": 1} | measured


def find_same_photo(photos: Iterable[P], digest: bytes, added_by: UUID) -> P | None:
    """Find the photo that somebody made of the same file, unless it was removed."""
    return next((one for one in photos if (one.digest, one.added_by, one.removed_at) == (digest, added_by, None)), None)


def remove_photo(photo: StoredPhoto, removed_by: UUID) -> None:
    """Delete the picture of a locked photo for good; its row stays."""
    photo.data, photo.removed_at, photo.removed_by, photo.version = None, now(), removed_by, photo.version + 1


def erase_photos(session: Session, entity: type[StoredPhoto], *where: Any) -> None:
    """Delete the pictures of all photos that fulfil the conditions, as if those who added them had removed them."""
    standing = update(entity).where(entity.removed_at.is_(None), *where)
    removed = standing.values(data=None, removed_at=now(), removed_by=entity.added_by, version=entity.version + 1)
    session.execute(removed, execution_options={"synchronize_session": False})
