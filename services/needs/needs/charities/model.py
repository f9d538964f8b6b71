"""The table of charities that counties have named."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import BigInteger, String
from sqlalchemy.orm import Mapped, mapped_column

from chassis.data.database import Moment, RegionCode, new_id, now
from needs.model import Base


class Charity(Base):
    """A registered charity that receives money for the needs of a region, to `last_day` or until it is ended."""

    __tablename__ = "charities"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    version: Mapped[int] = mapped_column(BigInteger, default=1)
    region: Mapped[str] = mapped_column(RegionCode)
    name: Mapped[str] = mapped_column(String(200))
    registration_number: Mapped[str] = mapped_column(String(18))
    last_day: Mapped[date]
    named_by: Mapped[UUID]
    named_at: Mapped[datetime] = mapped_column(Moment, default=now)
    ended_at: Mapped[datetime | None] = mapped_column(Moment)
