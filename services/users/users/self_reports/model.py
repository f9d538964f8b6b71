"""Table of self-reports."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, SmallInteger, String
from sqlalchemy.orm import Mapped, mapped_column

from chassis.data.database import Moment, RegionCode, new_id, now
from chassis.data.encryption import Encrypted
from users.base import Base
from users.households.model import Household


class SelfReport(Base):
    """Somebody reported that they need help. Its clock starts when it is opened; beyond a village's daily bound it waits without one.

    `code_id` is the request for the code that proves the phone. Whoever reported knows it, and nobody else.
    """

    __tablename__ = "self_reports"
    __person__ = "id"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    version: Mapped[int] = mapped_column(BigInteger, default=1)
    region: Mapped[str] = mapped_column(RegionCode)
    name: Mapped[str] = mapped_column(Encrypted)
    phone: Mapped[str | None] = mapped_column(Encrypted)
    phone_proven_at: Mapped[datetime | None] = mapped_column(Moment)
    code_id: Mapped[UUID | None]
    people: Mapped[int] = mapped_column(SmallInteger)
    difficulty: Mapped[str] = mapped_column(String(20))
    story: Mapped[str] = mapped_column(Encrypted)
    state: Mapped[str] = mapped_column(String(10))
    reported_at: Mapped[datetime] = mapped_column(Moment, default=now)
    opened_at: Mapped[datetime | None] = mapped_column(Moment)
    visit_by: Mapped[datetime | None] = mapped_column(Moment)
    decide_by: Mapped[datetime | None] = mapped_column(Moment)
    is_provisional: Mapped[bool] = mapped_column(default=False)
    visited_at: Mapped[datetime | None] = mapped_column(Moment)
    visited_by: Mapped[UUID | None]
    decided_at: Mapped[datetime | None] = mapped_column(Moment)
    decided_by: Mapped[UUID | None]
    reason: Mapped[str | None] = mapped_column(String(20))
    household_id: Mapped[UUID | None] = mapped_column(ForeignKey(Household.id))
