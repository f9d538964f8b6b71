"""Table of appointments."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import BigInteger, Date, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from chassis.data.database import Moment, RegionCode, new_id, now
from contracts.users import Office
from users.accounts.model import Account
from users.base import Base


class Appointment(Base):
    """The appointment of an administrator or auditor to a region and all below it. The first appointments have no appointer.

    It is offered, then confirmed by its holder, and counts from `began_at` on, when it was published with `published_version`.
    `appointed_by` named the holder; `answerable_to` is whoever answers for the appointment now. `valid_from` and `valid_until` are days
    in Asia/Shanghai; the last one still counts.
    """

    __tablename__ = "appointment_records"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    version: Mapped[int] = mapped_column(BigInteger, default=1)
    account_id: Mapped[UUID] = mapped_column(ForeignKey(Account.id))
    account: Mapped[Account] = relationship(lazy="joined", innerjoin=True)
    role: Mapped[Office] = mapped_column(String(20), default="administrator")
    region: Mapped[str] = mapped_column(RegionCode)
    appointed_by: Mapped[UUID | None]
    appointed_at: Mapped[datetime] = mapped_column(Moment, default=now)
    answerable_to: Mapped[UUID | None]
    valid_from: Mapped[date | None] = mapped_column(Date)
    valid_until: Mapped[date | None] = mapped_column(Date)
    confirmed_at: Mapped[datetime | None] = mapped_column(Moment)
    began_at: Mapped[datetime | None] = mapped_column(Moment)
    published_version: Mapped[int | None] = mapped_column(BigInteger)
    dismissed_by: Mapped[UUID | None]
    dismissed_at: Mapped[datetime | None] = mapped_column(Moment)
    reason: Mapped[str | None] = mapped_column(String(20))

    @property
    def state(self) -> str:
        """One of `offered`, `confirmed` (it begins later), `active`, `refused` and `dismissed`."""
        if self.dismissed_at:
            return "refused" if self.reason == "refused" else "dismissed"
        return "active" if self.began_at else "confirmed" if self.confirmed_at else "offered"
