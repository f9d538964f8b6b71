"""Table of the decisions of reviewers."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, String
from sqlalchemy.orm import Mapped, mapped_column

from chassis.data.database import Moment, RegionCode, new_id, now
from needs.model import Base


class Decision(Base):
    """A reviewer verified, confirmed, returned or rejected a need. `value` is the need's weight in fen at that time."""

    __tablename__ = "review_decisions"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    need_id: Mapped[UUID]
    region: Mapped[str] = mapped_column(RegionCode)
    reviewer_id: Mapped[UUID]
    step: Mapped[str] = mapped_column(String(20))
    verdict: Mapped[str] = mapped_column(String(20))
    reason: Mapped[str | None] = mapped_column(String(50))
    value: Mapped[int] = mapped_column(BigInteger)
    decided_at: Mapped[datetime] = mapped_column(Moment, default=now)
