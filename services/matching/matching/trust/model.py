"""What is kept of why people may rely on each other. What is sealed is personal: it stays here, out of events and logs."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column, relationship, selectinload

from chassis.database import Moment, new_id
from chassis.sealed import SealedBytes
from matching.model import Base, Match


class Photo(Base):
    """What one side shows of what moved in a match, as `evidence`. Once removed, nothing of the picture is left.

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


Match.photos = relationship(Photo, order_by=Photo.id)  # type: ignore[attr-defined]
SEEN_WITH = (selectinload(Match.photos),)  # type: ignore[attr-defined]
"""What one may do with a match depends on this: it is loaded along."""
