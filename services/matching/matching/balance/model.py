"""Table of published balances. The current figures are kept by SQL alone, in `actions.py`."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, String
from sqlalchemy.orm import Mapped, mapped_column

from chassis.data.database import CategoryCode, Moment, RegionCode
from matching.book.model import Base


class PublishedBalance(Base):
    """The figures last published for a region, category and unit; `version` grows with each event."""

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
