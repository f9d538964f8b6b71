"""Table of disputes. Their texts are personal: encrypted, never in events or logs, read by both sides and the region's administrators."""

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from chassis.data.database import Moment, new_id, now
from chassis.data.encryption import Encrypted
from matching.book.model import Base, Match

SETTLED_WITHIN = timedelta(days=14)
"""Time that the county has for its ruling."""


class Dispute(Base):
    """One side's dispute about a match, at most one: `open`, `answered` by the place, `raised` to the county, `settled`.

    At `due_at` an open dispute is raised by itself, and an answered one is settled as answered. At the county there is no such deadline: it
    should settle by `decide_by` and is reminded until it does. `outcome` is the last decision, and `received`
    what arrived as it found, if that is less than was confirmed.
    """

    __tablename__ = "disputes"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    version: Mapped[int] = mapped_column(BigInteger, default=1)
    match_id: Mapped[UUID] = mapped_column(ForeignKey("matches.id"))
    side: Mapped[str] = mapped_column(String(10))
    cause: Mapped[str] = mapped_column(String(20))
    text: Mapped[str] = mapped_column(Encrypted, deferred=True)
    state: Mapped[str] = mapped_column(String(10), default="open")
    outcome: Mapped[str | None] = mapped_column(String(20))
    received: Mapped[int | None] = mapped_column(BigInteger)
    opened_by: Mapped[UUID]
    opened_at: Mapped[datetime] = mapped_column(Moment)
    due_at: Mapped[datetime | None] = mapped_column(Moment)
    answer: Mapped[str | None] = mapped_column(Encrypted, deferred=True)
    answered_by: Mapped[UUID | None]
    answered_at: Mapped[datetime | None] = mapped_column(Moment)
    answered_as: Mapped[str | None] = mapped_column(String(20))
    raised_by: Mapped[UUID | None]
    raised_at: Mapped[datetime | None] = mapped_column(Moment)
    reminded_at: Mapped[datetime | None] = mapped_column(Moment)
    ruling: Mapped[str | None] = mapped_column(Encrypted, deferred=True)
    settled_by: Mapped[UUID | None]
    settled_at: Mapped[datetime | None] = mapped_column(Moment)
    match: Mapped[Match] = relationship()

    @property
    def decide_by(self) -> datetime | None:
        """The moment by which the county should settle the dispute."""
        return self.raised_at and self.raised_at + SETTLED_WITHIN

    @property
    def overdue(self) -> bool:
        """True when the county should have settled the dispute by now."""
        return self.state == "raised" and self.decide_by is not None and self.decide_by <= now()
