"""What is kept of why people may rely on each other. What is sealed is personal: it stays here, out of events and logs."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, LargeBinary, SmallInteger, String
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
    removed_by: Mapped[UUID | None]
    match: Mapped[Match] = relationship(viewonly=True)


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


class Rating(Base):
    """How one side found the other, 1 to 5, said once. It is shown, and counts, when both have said it or nobody can any more."""

    __tablename__ = "ratings"

    match_id: Mapped[UUID] = mapped_column(ForeignKey("matches.id"), primary_key=True)
    side: Mapped[str] = mapped_column(String(10), primary_key=True)
    stars: Mapped[int] = mapped_column(SmallInteger)
    by: Mapped[UUID]
    at: Mapped[datetime] = mapped_column(Moment)
    closes_at: Mapped[datetime] = mapped_column(Moment)
    shown_at: Mapped[datetime | None] = mapped_column(Moment)


class Mark(Base):
    """What a match says for (`good`) and against (`bad`) somebody, once of each kind. One that was taken back counts no more."""

    __tablename__ = "marks"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    version: Mapped[int] = mapped_column(BigInteger, default=1)
    match_id: Mapped[UUID] = mapped_column(ForeignKey("matches.id"))
    person_id: Mapped[UUID]
    kind: Mapped[str] = mapped_column(String(20))
    good: Mapped[float]
    bad: Mapped[float]
    at: Mapped[datetime] = mapped_column(Moment)
    void_at: Mapped[datetime | None] = mapped_column(Moment)
    match: Mapped[Match] = relationship()
    appeal: Mapped["Appeal | None"] = relationship(back_populates="mark", lazy="selectin")


class Reliability(Base):
    """All marks of somebody that count, added up as `reliability` says; the class that their pledges bear, and when to look at it again."""

    __tablename__ = "reliabilities"

    person_id: Mapped[UUID] = mapped_column(primary_key=True)
    good: Mapped[float]
    bad: Mapped[float]
    level: Mapped[int] = mapped_column("class", SmallInteger)
    settle_at: Mapped[datetime | None] = mapped_column(Moment)


class Appeal(Base):
    """Somebody finds a mark against them wrong; the county decides: `waiting`, `upheld` (the mark is taken back), `dismissed`."""

    __tablename__ = "appeals"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    version: Mapped[int] = mapped_column(BigInteger, default=1)
    mark_id: Mapped[UUID] = mapped_column(ForeignKey("marks.id"))
    person_id: Mapped[UUID]
    text: Mapped[str] = mapped_column(Sealed, deferred=True)
    state: Mapped[str] = mapped_column(String(10), default="waiting")
    answer: Mapped[str | None] = mapped_column(Sealed, deferred=True)
    lodged_at: Mapped[datetime] = mapped_column(Moment)
    decided_by: Mapped[UUID | None]
    decided_at: Mapped[datetime | None] = mapped_column(Moment)
    mark: Mapped[Mark] = relationship(back_populates="appeal")


Match.photos = relationship(Photo, order_by=Photo.id)  # type: ignore[attr-defined]
Match.thanks = relationship(Thanks, order_by=Thanks.id, viewonly=True)  # type: ignore[attr-defined]
Match.ratings = relationship(Rating, viewonly=True)  # type: ignore[attr-defined]
SEEN_WITH = (selectinload(Match.photos), selectinload(Match.thanks), selectinload(Match.ratings))  # type: ignore[attr-defined]
"""What one may do with a match depends on this: loaded along with many matches, and with a single one only when it matters."""
