"""Tables of photos, thanks and ratings. Encrypted columns are personal data and stay out of events and logs."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, SmallInteger, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from chassis.data.database import Moment, new_id
from chassis.data.encryption import Encrypted
from chassis.photos.model import StoredPhoto
from matching.book.model import Base, Match


class Photo(StoredPhoto, Base):
    """A photo by one side of a match, as `evidence` of a movement or to go with `thanks`."""

    __tablename__ = "photos"

    match_id: Mapped[UUID] = mapped_column(ForeignKey("matches.id"))
    side: Mapped[str] = mapped_column(String(10))
    purpose: Mapped[str] = mapped_column(String(10))
    match: Mapped[Match] = relationship(viewonly=True)


class Thanks(Base):
    """Thanks from the household's side, `waiting` for an administrator, `released` to the giver or `refused`."""

    __tablename__ = "thanks"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    version: Mapped[int] = mapped_column(BigInteger, default=1)
    match_id: Mapped[UUID] = mapped_column(ForeignKey("matches.id"))
    author_id: Mapped[UUID]
    text: Mapped[str] = mapped_column(Encrypted, deferred=True)
    photo_id: Mapped[UUID | None] = mapped_column(ForeignKey("photos.id"))
    state: Mapped[str] = mapped_column(String(10), default="waiting")
    reason: Mapped[str | None] = mapped_column(String(20))
    written_at: Mapped[datetime] = mapped_column(Moment)
    decided_by: Mapped[UUID | None]
    decided_at: Mapped[datetime | None] = mapped_column(Moment)
    match: Mapped[Match] = relationship()


class Rating(Base):
    """One side's rating of the other, from 1 to 5, at most one. It is shown and counts once both have rated or the time is over."""

    __tablename__ = "ratings"

    match_id: Mapped[UUID] = mapped_column(ForeignKey("matches.id"), primary_key=True)
    side: Mapped[str] = mapped_column(String(10), primary_key=True)
    stars: Mapped[int] = mapped_column(SmallInteger)
    by: Mapped[UUID]
    at: Mapped[datetime] = mapped_column(Moment)
    closes_at: Mapped[datetime] = mapped_column(Moment)
    shown_at: Mapped[datetime | None] = mapped_column(Moment)


@dataclass(frozen=True)
class Feedback:
    """All photos, thanks and ratings of one match, oldest first."""

    photos: Sequence[Photo] = ()
    thanks: Sequence[Thanks] = ()
    ratings: Sequence[Rating] = ()
