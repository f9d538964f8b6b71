"""What is kept of why people may rely on each other. What is sealed is personal: it stays here, out of events and logs."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column, relationship, selectinload

from chassis.database import Moment, new_id
from chassis.sealed import Sealed, SealedBytes
from matching.model import Base, Match


class Photo(Base):
    """What one side shows of what moved in a match, as `evidence` or to go with its `thanks`. Once removed, nothing of the picture is left.

    `digest` is the same for the same file, so that what is sent twice stands here once.
    """

    __tablename__ = "photos"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    version: Mapped[int] = mapped_column(BigInteger, default=1)
    match_id: Mapped[UUID] = mapped_column(ForeignKey("matches.id"))
    side: Mapped[str] = mapped_column(String(10))
    purpose: Mapped[str] = mapped_column(String(10))
    added_by: Mapped[UUID]
    added_at: Mapped[datetime] = mapped_column(Moment)
    width: Mapped[int]
    height: Mapped[int]
    size: Mapped[int]
    digest: Mapped[bytes] = mapped_column(LargeBinary)
    data: Mapped[bytes | None] = mapped_column(SealedBytes, deferred=True)
    removed_at: Mapped[datetime | None] = mapped_column(Moment)


class Thanks(Base):
    """What the household's side writes to the giver, who reads it when an administrator let it: `waiting`, `released`, `refused`."""

    __tablename__ = "thanks"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    version: Mapped[int] = mapped_column(BigInteger, default=1)
    match_id: Mapped[UUID] = mapped_column(ForeignKey("matches.id"))
    author_id: Mapped[UUID]
    text: Mapped[str] = mapped_column(Sealed, deferred=True)
    photo_id: Mapped[UUID | None] = mapped_column(ForeignKey("photos.id"))
    state: Mapped[str] = mapped_column(String(10), default="waiting")
    reason: Mapped[str | None] = mapped_column(String(20))
    written_at: Mapped[datetime] = mapped_column(Moment)
    decided_by: Mapped[UUID | None]
    decided_at: Mapped[datetime | None] = mapped_column(Moment)
    match: Mapped[Match] = relationship()


Match.photos = relationship(Photo, order_by=Photo.id)  # type: ignore[attr-defined]
Match.thanks = relationship(Thanks, order_by=Thanks.id, viewonly=True)  # type: ignore[attr-defined]
SEEN_WITH = (selectinload(Match.photos), selectinload(Match.thanks))  # type: ignore[attr-defined]
"""What one may do with a match depends on this: it is loaded along."""
