"""The tables of needs: needs and pledges, and copies of households and of the state of matches."""

from collections.abc import Collection
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, ColumnElement, MetaData, String, and_, case, func, select
from sqlalchemy.orm import DeclarativeBase, Mapped, MappedSQLExpression, column_property, mapped_column

from chassis.data.database import NAMING, CategoryCode, Moment, RegionCode, new_id, now
from chassis.data.encryption import Encrypted
from contracts.needs import PledgeKind, Urgency


class Base(DeclarativeBase):
    metadata = MetaData(naming_convention=NAMING)


class Household(Base):
    """A registered household, copied from the events of users."""

    __tablename__ = "households"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(BigInteger)
    account_id: Mapped[UUID | None]
    region: Mapped[str] = mapped_column(RegionCode)


class Match(Base):
    """The state of a match, copied from the events of matching.

    `sent` and `received` are empty until the match gets there. A match that closes without anything sent has 0 in both.
    """

    __tablename__ = "matches"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(BigInteger)
    need_id: Mapped[UUID]
    pledge_id: Mapped[UUID]
    quantity: Mapped[int] = mapped_column(BigInteger)
    state: Mapped[str] = mapped_column(String(20))
    sent: Mapped[int | None] = mapped_column(BigInteger)
    received: Mapped[int | None] = mapped_column(BigInteger)


def _sum_of_matches(figure: Any, states: Collection[str], owner: ColumnElement[bool]) -> MappedSQLExpression[int]:
    total = func.coalesce(func.sum(case((Match.state.in_(states), figure), else_=0)), 0)
    return column_property(select(total).where(owner).correlate_except(Match).scalar_subquery())


PROMISED = ("accepted", "sent", "received", "closed")


class Need(Base):
    """A need of a household. `reason` is personal and never leaves this table; `quantity` counts whole units."""

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
    urgency: Mapped[Urgency] = mapped_column(String(20))
    reason: Mapped[str] = mapped_column(Encrypted)
    state: Mapped[str] = mapped_column(String(20), default="posted")
    verifier_id: Mapped[UUID | None]
    ended_because: Mapped[str | None] = mapped_column(String(50))
    posted_at: Mapped[datetime] = mapped_column(Moment, default=now)
    published_at: Mapped[datetime | None] = mapped_column(Moment)
    ended_at: Mapped[datetime | None] = mapped_column(Moment)
    withdrawn_by: Mapped[UUID | None]
    # A quantity that was sent and did not arrive is needed again.
    accepted: Mapped[int] = _sum_of_matches(func.coalesce(Match.received, Match.sent, Match.quantity), PROMISED, Match.need_id == id)
    proposed: Mapped[int] = _sum_of_matches(Match.quantity, ("proposed",), Match.need_id == id)
    delivered: Mapped[int] = _sum_of_matches(func.coalesce(Match.received, 0), PROMISED, Match.need_id == id)


class Pledge(Base):
    """A pledge of a giver. `answered_version` is the newest version that matching has decided on; `released_version` orders its answers."""

    __tablename__ = "pledges"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    version: Mapped[int] = mapped_column(BigInteger, default=1)
    pledger_id: Mapped[UUID]
    kind: Mapped[PledgeKind] = mapped_column(String(20))
    category: Mapped[str] = mapped_column(CategoryCode)
    unit: Mapped[str] = mapped_column(String(20))
    quantity: Mapped[int] = mapped_column(BigInteger)
    region: Mapped[str] = mapped_column(RegionCode)
    note: Mapped[str | None] = mapped_column(Encrypted)
    valid_until: Mapped[datetime] = mapped_column(Moment)
    withdrawn: Mapped[bool] = mapped_column(default=False)
    resting: Mapped[bool] = mapped_column(default=False)
    offered_at: Mapped[datetime] = mapped_column(Moment, default=now)
    changed_at: Mapped[datetime | None] = mapped_column(Moment)
    answered_version: Mapped[int] = mapped_column(BigInteger, default=0)
    released_version: Mapped[int] = mapped_column(BigInteger, default=0)
    # A quantity that was promised and never sent is open in the pledge again.
    accepted: Mapped[int] = _sum_of_matches(func.coalesce(Match.sent, Match.quantity), PROMISED, Match.pledge_id == id)
    proposed: Mapped[int] = _sum_of_matches(Match.quantity, ("proposed",), Match.pledge_id == id)
    delivered: Mapped[int] = _sum_of_matches(func.coalesce(Match.received, 0), PROMISED, Match.pledge_id == id)


def of_category(column: Any, category: str) -> ColumnElement[bool]:
    """SQL condition: the category itself or one below it. `/` follows the dot that separates levels."""
    return and_(column >= category, column < category + "/")
