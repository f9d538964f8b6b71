"""The table of the balance of counties and wider regions, copied from the events of matching."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, String
from sqlalchemy.orm import Mapped, mapped_column

from chassis.data.database import CategoryCode, Moment, RegionCode
from needs.model import Base


class Balance(Base):
    """What waits and what is offered of one item in a region and below it. A region that succeeded others may have several rows."""

    __tablename__ = "balances"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(BigInteger)
    region: Mapped[str] = mapped_column(RegionCode)
    category: Mapped[str] = mapped_column(CategoryCode)
    unit: Mapped[str] = mapped_column(String(20))
    waiting_needs: Mapped[int] = mapped_column(BigInteger)
    waiting_units: Mapped[int] = mapped_column(BigInteger)
    open_pledges: Mapped[int] = mapped_column(BigInteger)
    open_units: Mapped[int] = mapped_column(BigInteger)
    typical_days: Mapped[int | None] = mapped_column(BigInteger)
    counted_at: Mapped[datetime] = mapped_column(Moment)
