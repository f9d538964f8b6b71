"""Tables of reliability events, their sums by person, and appeals. Encrypted columns are personal data: never in events or logs."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, SmallInteger, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from chassis.data.database import Moment, new_id
from chassis.data.encryption import Encrypted
from matching.book.model import Base, Match
from matching.feedback.model import Rating


class ReliabilityEvent(Base):
    """Evidence from a match for (`good`) and against (`bad`) a person, at most one of each kind.

    A voided event does not count, nor does a `suspended` one: its match is disputed or its appeal waits.
    """

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
    suspended: Mapped[bool] = mapped_column(default=False)
    match: Mapped[Match] = relationship()
    appeal: Mapped["Appeal | None"] = relationship(back_populates="event", lazy="selectin")
    ratings: Mapped[list[Rating]] = relationship(primaryjoin="foreign(Rating.match_id) == ReliabilityEvent.match_id", viewonly=True)


class Reliability(Base):
    """The sums of a person's events that count, the class that their pledges carry, and when to compute it again."""

    __tablename__ = "reliabilities"

    person_id: Mapped[UUID] = mapped_column(primary_key=True)
    good: Mapped[float]
    bad: Mapped[float]
    level: Mapped[int] = mapped_column("class", SmallInteger)
    settle_at: Mapped[datetime | None] = mapped_column(Moment)


class Appeal(Base):
    """A person's appeal against a reliability event: `waiting` for the county, `upheld` (the event is voided) or `dismissed`."""

    __tablename__ = "appeals"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    version: Mapped[int] = mapped_column(BigInteger, default=1)
    mark_id: Mapped[UUID] = mapped_column(ForeignKey("marks.id"))
    person_id: Mapped[UUID]
    text: Mapped[str] = mapped_column(Encrypted, deferred=True)
    state: Mapped[str] = mapped_column(String(10), default="waiting")
    answer: Mapped[str | None] = mapped_column(Encrypted, deferred=True)
    lodged_at: Mapped[datetime] = mapped_column(Moment)
    decided_by: Mapped[UUID | None]
    decided_at: Mapped[datetime | None] = mapped_column(Moment)
    event: Mapped[ReliabilityEvent] = relationship(back_populates="appeal")
