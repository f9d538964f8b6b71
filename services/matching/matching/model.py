"""What matching knows: the book of needs and pledges, the matches between them, and what is still to be cleared."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, MetaData, SmallInteger, String
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from chassis.database import NAMING, CategoryCode, Moment, RegionCode, new_id


class Base(DeclarativeBase):
    metadata = MetaData(naming_convention=NAMING)


class Need(Base):
    """A published need. `rest` is what nothing is set aside for yet; an ended need keeps a row, so that late events change nothing."""

    __tablename__ = "needs"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(BigInteger)
    household_id: Mapped[UUID]
    account_id: Mapped[UUID | None]
    poster_id: Mapped[UUID]
    region: Mapped[str] = mapped_column(RegionCode)
    category: Mapped[str] = mapped_column(CategoryCode)
    unit: Mapped[str] = mapped_column(String(20))
    urgency: Mapped[int] = mapped_column(SmallInteger)
    quantity: Mapped[int] = mapped_column(BigInteger)
    rest: Mapped[int] = mapped_column(BigInteger)
    ended: Mapped[bool]
    posted_at: Mapped[datetime] = mapped_column(Moment)


class Pledge(Base):
    """An open pledge. `scope` is the region where it may go; `rest` is what is not set aside for any need."""

    __tablename__ = "pledges"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(BigInteger)
    pledger_id: Mapped[UUID]
    category: Mapped[str] = mapped_column(CategoryCode)
    unit: Mapped[str] = mapped_column(String(20))
    scope: Mapped[str] = mapped_column(RegionCode)
    quantity: Mapped[int] = mapped_column(BigInteger)
    rest: Mapped[int] = mapped_column(BigInteger)
    ended: Mapped[bool]
    valid_until: Mapped[datetime] = mapped_column(Moment)
    offered_at: Mapped[datetime] = mapped_column(Moment)
    releases: Mapped[int] = mapped_column(BigInteger)
    released_at: Mapped[datetime | None] = mapped_column(Moment)


class Category(Base):
    """What was ever asked for, and in which unit: a pledge for a group looks its items up here, one index range each."""

    __tablename__ = "categories"

    category: Mapped[str] = mapped_column(CategoryCode, primary_key=True)
    unit: Mapped[str] = mapped_column(String(20), primary_key=True)


class Match(Base):
    """A quantity of one pledge set aside for one need. `barred` pairs are never proposed to each other again."""

    __tablename__ = "matches"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    version: Mapped[int] = mapped_column(BigInteger, default=1)
    need_id: Mapped[UUID]
    pledge_id: Mapped[UUID]
    household_id: Mapped[UUID]
    account_id: Mapped[UUID | None]
    poster_id: Mapped[UUID]
    pledger_id: Mapped[UUID]
    region: Mapped[str] = mapped_column(RegionCode)
    category: Mapped[str] = mapped_column(CategoryCode)
    unit: Mapped[str] = mapped_column(String(20))
    quantity: Mapped[int] = mapped_column(BigInteger)
    state: Mapped[str] = mapped_column(String(20))
    reasons: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    ended_because: Mapped[str | None] = mapped_column(String(50))
    barred: Mapped[bool] = mapped_column(default=False)
    proposed_at: Mapped[datetime] = mapped_column(Moment)
    answer_by: Mapped[datetime] = mapped_column(Moment)
    reminded_at: Mapped[datetime | None] = mapped_column(Moment)
    answered_at: Mapped[datetime | None] = mapped_column(Moment)
    need_ended_because: Mapped[str | None] = mapped_column(String(50))
    need_ended_at: Mapped[datetime | None] = mapped_column(Moment)
