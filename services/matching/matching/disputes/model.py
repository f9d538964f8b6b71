"""What is kept of a dispute. The texts are personal: sealed, out of events and logs, for the two sides and the administrators around."""

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from chassis.data.database import Moment, new_id, now
from chassis.data.encryption import Encrypted
from matching.book.model import Base, Match

SETTLED_WITHIN = timedelta(days=14)
"""How long the county may take."""


class Dispute(Base):
    """What one side says against the other about a match, once: `open`, `answered` by the place, `raised` to the county, `settled`.

    `due_at` is when it goes on by itself: an open one up to the county, an answered one to its end, as answered. At the county nothing goes
    on by itself: `decide_by` is when it ought to be settled, and who may is reminded until it is. `outcome` is what was decided last.
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
        return self.raised_at and self.raised_at + SETTLED_WITHIN

    @property
    def overdue(self) -> bool:
        """Whether the county ought to have settled it by now."""
        return self.state == "raised" and self.decide_by is not None and self.decide_by <= now()
