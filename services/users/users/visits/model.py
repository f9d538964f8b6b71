"""Tables of visits to households, and of the help that was given there."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import BigInteger, Date, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from chassis.data.database import Moment, RegionCode, new_id, now
from chassis.data.encryption import Encrypted
from users.base import Base
from users.households.model import Household


class Help(Base):
    """Something that a helper gave or arranged during a visit. `value` is in fen."""

    __tablename__ = "household_helps"
    __person__ = "visit_id"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    visit_id: Mapped[UUID] = mapped_column(ForeignKey("household_visits.id"))
    kind: Mapped[str] = mapped_column(String(20))
    value: Mapped[int | None] = mapped_column(BigInteger)
    description: Mapped[str] = mapped_column(Encrypted)


class Visit(Base):
    """A visit of a helper to a household, recorded afterwards. `region` is the household's at that time."""

    __tablename__ = "household_visits"
    __person__ = "household_id"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    household_id: Mapped[UUID] = mapped_column(ForeignKey(Household.id))
    account_id: Mapped[UUID]
    region: Mapped[str] = mapped_column(RegionCode)
    visited_on: Mapped[date] = mapped_column(Date)
    note: Mapped[str | None] = mapped_column(Encrypted)
    recorded_at: Mapped[datetime] = mapped_column(Moment, default=now)
    help: Mapped[list[Help]] = relationship(lazy="selectin", order_by=Help.id)
