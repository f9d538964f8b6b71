"""Table of appointments."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column, relationship

from chassis.data.database import Moment, RegionCode, new_id, now
from users.accounts.model import Account
from users.base import Base


class Appointment(Base):
    """The appointment of an administrator to a region and all below it. The first appointments have no appointer."""

    __tablename__ = "appointment_records"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    version: Mapped[int] = mapped_column(BigInteger, default=1)
    account_id: Mapped[UUID] = mapped_column(ForeignKey(Account.id))
    account: Mapped[Account] = relationship(lazy="joined", innerjoin=True)
    region: Mapped[str] = mapped_column(RegionCode)
    appointed_by: Mapped[UUID | None]
    appointed_at: Mapped[datetime] = mapped_column(Moment, default=now)
    dismissed_by: Mapped[UUID | None]
    dismissed_at: Mapped[datetime | None] = mapped_column(Moment)
