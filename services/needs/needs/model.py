"""What needs knows: needs, pledges, and of others what it has to: households and how matches ended."""

from collections.abc import Collection
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, ColumnElement, MetaData, String, case, func, select
from sqlalchemy.orm import DeclarativeBase, Mapped, column_property, mapped_column

from chassis.data.database import NAMING, CategoryCode, Moment, RegionCode, new_id, now
from chassis.data.encryption import Sealed


class Base(DeclarativeBase):
    metadata = MetaData(naming_convention=NAMING)


class Household(Base):
    """A registered household, as users told."""

    __tablename__ = "households"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(BigInteger)
    account_id: Mapped[UUID | None]
    region: Mapped[str] = mapped_column(RegionCode)


class Match(Base):
    """How a match stands, as matching told; `sent` and `received` are empty until then, and what was never sent is nought at the end."""

    __tablename__ = "matches"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(BigInteger)
    need_id: Mapped[UUID]
    pledge_id: Mapped[UUID]
    quantity: Mapped[int] = mapped_column(BigInteger)
    state: Mapped[str] = mapped_column(String(20))
    sent: Mapped[int | None] = mapped_column(BigInteger)
    received: Mapped[int | None] = mapped_column(BigInteger)


class Need(Base):
    """What a household asks for. `reason` is personal and stays here; `quantity` counts whole units."""

    __tablename__ = "needs"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    version: Mapped[int] = mapped_column(BigInteger, default=1)
    household_id: Mapped[UUID]
    account_id: Mapped[UUID | None]
    poster_id: Mapped[UUID]
    consent: Mapped[str | None] = mapped_column(String(20))
    region: Mapped[str] = mapped_column(RegionCode)
    category: Mapped[str] = mapped_column(CategoryCode)
    unit: Mapped[str] = mapped_column(String(20))
    quantity: Mapped[int] = mapped_column(BigInteger)
    urgency: Mapped[str] = mapped_column(String(20))
    reason: Mapped[str] = mapped_column(Sealed)
    state: Mapped[str] = mapped_column(String(20), default="posted")
    verifier_id: Mapped[UUID | None]
    ended_because: Mapped[str | None] = mapped_column(String(50))
    posted_at: Mapped[datetime] = mapped_column(Moment, default=now)
    published_at: Mapped[datetime | None] = mapped_column(Moment)
    ended_at: Mapped[datetime | None] = mapped_column(Moment)
    withdrawn_by: Mapped[UUID | None]


class Pledge(Base):
    """What somebody is ready to give, and `answered_version`: the version of it that matching has judged, with what came of it."""

    __tablename__ = "pledges"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    version: Mapped[int] = mapped_column(BigInteger, default=1)
    pledger_id: Mapped[UUID]
    kind: Mapped[str] = mapped_column(String(20))
    category: Mapped[str] = mapped_column(CategoryCode)
    unit: Mapped[str] = mapped_column(String(20))
    quantity: Mapped[int] = mapped_column(BigInteger)
    region: Mapped[str] = mapped_column(RegionCode)
    note: Mapped[str | None] = mapped_column(Sealed)
    valid_until: Mapped[datetime] = mapped_column(Moment)
    withdrawn: Mapped[bool] = mapped_column(default=False)
    resting: Mapped[bool] = mapped_column(default=False)
    offered_at: Mapped[datetime] = mapped_column(Moment, default=now)
    changed_at: Mapped[datetime | None] = mapped_column(Moment)
    answered_version: Mapped[int] = mapped_column(BigInteger, default=0)
    released_version: Mapped[int] = mapped_column(BigInteger, default=0)


def _sum(figure: Any, states: Collection[str], owner: Any) -> Any:
    total = func.coalesce(func.sum(case((Match.state.in_(states), figure), else_=0)), 0)
    return column_property(select(total).where(owner).correlate_except(Match).scalar_subquery())


PROMISED = ("accepted", "sent", "received", "closed")
# What did not arrive is needed again, what was never sent is free in the pledge again.
Need.accepted = _sum(func.coalesce(Match.received, Match.sent, Match.quantity), PROMISED, Match.need_id == Need.id)
Need.proposed = _sum(Match.quantity, ("proposed",), Match.need_id == Need.id)
Need.delivered = _sum(func.coalesce(Match.received, 0), PROMISED, Match.need_id == Need.id)
Pledge.accepted = _sum(func.coalesce(Match.sent, Match.quantity), PROMISED, Match.pledge_id == Pledge.id)
Pledge.proposed = _sum(Match.quantity, ("proposed",), Match.pledge_id == Pledge.id)
Pledge.delivered = _sum(func.coalesce(Match.received, 0), PROMISED, Match.pledge_id == Pledge.id)


def of_category(column: Any, category: str) -> ColumnElement[bool]:
    """SQL condition: the category itself and all below it; `/` follows the dot that separates levels."""
    return (column >= category) & (column < category + "/")
