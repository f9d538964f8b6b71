"""Table of assignments of helpers."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from chassis.data.database import Moment, RegionCode, new_id, now
from contracts.users import HelperRole
from users.accounts.model import Account
from users.base import Base
from users.households.model import Household


class Assignment(Base):
    """A helper answers for a village, or for one household of it, until the assignment is released."""

    __tablename__ = "helper_assignments"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    version: Mapped[int] = mapped_column(BigInteger, default=1)
    account_id: Mapped[UUID] = mapped_column(ForeignKey(Account.id))
    account: Mapped[Account] = relationship(lazy="joined", innerjoin=True)
    role: Mapped[HelperRole] = mapped_column(String(30))
    unit: Mapped[str] = mapped_column(String(100))
    post: Mapped[str] = mapped_column(String(100))
    region: Mapped[str] = mapped_column(RegionCode)
    household_id: Mapped[UUID | None] = mapped_column(ForeignKey(Household.id))
    assigned_by: Mapped[UUID]
    assigned_at: Mapped[datetime] = mapped_column(Moment, default=now)
    released_by: Mapped[UUID | None]
    released_at: Mapped[datetime | None] = mapped_column(Moment)
    successor_id: Mapped[UUID | None]
