"""What was last told of each figure of the balance. The figures themselves are kept in SQL alone, by `keeping.py`."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, String
from sqlalchemy.orm import Mapped, mapped_column

from chassis.data.database import CategoryCode, Moment, RegionCode
from matching.book.model import Base


class PublishedBalance(Base):
    """A region, a category and a unit, and the figures of it that were told; `version` grows with each telling."""

    __tablename__ = "balance_told"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(BigInteger)
    region: Mapped[str] = mapped_column(RegionCode)
    category: Mapped[str] = mapped_column(CategoryCode)
    unit: Mapped[str] = mapped_column(String(20))
    waiting_needs: Mapped[int] = mapped_column(BigInteger)
    waiting_units: Mapped[int] = mapped_column(BigInteger)
    open_pledges: Mapped[int] = mapped_column(BigInteger)
    open_units: Mapped[int] = mapped_column(BigInteger)
    typical_days: Mapped[int | None]
    counted_at: Mapped[datetime] = mapped_column(Moment)
