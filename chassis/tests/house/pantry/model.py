"""Tables of the pantry: one row per handled event, and the withdrawals people asked for."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, Identity, MetaData, String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from chassis.data.database import NAMING, Moment, new_id, now
from chassis.data.encryption import Encrypted


class Base(DeclarativeBase):
    metadata = MetaData(naming_convention=NAMING)


class Taken(Base):
    """A handled event. Deliberately not unique: an event handled twice has two rows."""

    __tablename__ = "taken"

    number: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    name: Mapped[str] = mapped_column(String(100))
    subject: Mapped[UUID]
    taken_at: Mapped[datetime] = mapped_column(Moment, default=now)


class Withdrawal(Base):
    __tablename__ = "withdrawals"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    region: Mapped[str] = mapped_column(String(12))
    asked_by: Mapped[UUID]
    reason: Mapped[str | None] = mapped_column(Encrypted)
