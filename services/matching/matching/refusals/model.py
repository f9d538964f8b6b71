"""Table of refusal rules."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, String
from sqlalchemy.orm import Mapped, mapped_column

from chassis.data.database import CategoryCode, Moment, RegionCode, new_id
from matching.book.model import Base


class RefusalRule(Base):
    """A consequence of a refusal: a pledge is not proposed to needs of this region or category; without a region the pledge is paused.

    The rule is in force until it is withdrawn, at `forgotten_at`.
    """

    __tablename__ = "lessons"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    version: Mapped[int] = mapped_column(BigInteger, default=1)
    pledge_id: Mapped[UUID]
    pledger_id: Mapped[UUID]
    match_id: Mapped[UUID]
    reason: Mapped[str] = mapped_column(String(20))
    region: Mapped[str | None] = mapped_column(RegionCode)
    category: Mapped[str] = mapped_column(CategoryCode)
    learnt_at: Mapped[datetime] = mapped_column(Moment)
    forgotten_at: Mapped[datetime | None] = mapped_column(Moment)
