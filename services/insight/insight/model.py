"""The tables of insight: copied facts, the subjects to count again, and the counts by region and day."""

from datetime import date
from uuid import UUID

from sqlalchemy import BigInteger, Column, Date, Identity, MetaData, Numeric, SmallInteger, String, Table
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from chassis.data.database import NAMING, CategoryCode, RegionCode

BOUNDS = (0, 1, 2, 3, 5, 7, 10, 14, 21, 30, 45, 60, 90)
"""The bounds in days by which first matches are counted. A longer time is counted in none."""
GIVERS = ("donor", "organisation", "merchant", "volunteer")
PEOPLE = ("registered", "active_day", "active_week", "active_month")
NEEDS = (
    "needs",
    "withdrawn",
    "closed",
    "helped",
    "met_elsewhere",
    "matches",
    "refused",
    "lapsed",
    "delivered",
    "weight",
    "weight_met",
    "weight_delivered",
)
OBJECTIONS = ("disputes", "disputes_open", "appeals", "appeals_open")
HELPERS = ("government", *GIVERS)
VALUES = tuple(f"value_{who}" for who in HELPERS)
HELPED = tuple(f"helped_{who}" for who in HELPERS)
WITHIN = tuple(f"within_{days}" for days in BOUNDS)
MEASURES = (*PEOPLE, "households", "rejected", *NEEDS, *OBJECTIONS, *VALUES, *HELPED, *WITHIN)
"""The counts of a region and a day. All can be summed over regions, and all but `active_…` over days. The active people of a week
stand on its Monday, those of a month on its first day."""


class Base(DeclarativeBase):
    metadata = MetaData(naming_convention=NAMING)


class Person(Base):
    """An account. `counted` is the region where it was counted last."""

    __tablename__ = "people"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(BigInteger)
    kind: Mapped[str] = mapped_column(String(20))
    region: Mapped[str] = mapped_column(RegionCode)
    day: Mapped[date]
    counted: Mapped[str | None] = mapped_column(RegionCode)


class Household(Base):
    """A household in its village's register. `day` is empty until its registration is received.

    A void one was entered by mistake or twice, and counts nowhere.
    """

    __tablename__ = "households"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(BigInteger)
    region: Mapped[str] = mapped_column(RegionCode)
    day: Mapped[date | None]
    is_void: Mapped[bool] = mapped_column(default=False)
    counted: Mapped[str | None] = mapped_column(RegionCode)


class Activity(Base):
    """A day on which a person was active. `region` is the person's, once it is known and counted."""

    __tablename__ = "acts"

    person_id: Mapped[UUID] = mapped_column(primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    region: Mapped[str | None] = mapped_column(RegionCode)


class Need(Base):
    """A need. `day` and `urgency` (1, 2 or 4) are empty until its publication is received, `state` and `ended_on` until its end is;
    `version` is that of the end, 0 before. `value` is in fen.
    """

    __tablename__ = "needs"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    region: Mapped[str] = mapped_column(RegionCode)
    quantity: Mapped[int] = mapped_column(BigInteger)
    value: Mapped[int] = mapped_column(BigInteger)
    day: Mapped[date | None]
    urgency: Mapped[int | None] = mapped_column(SmallInteger)
    state: Mapped[str | None] = mapped_column(String(20))
    ended_on: Mapped[date | None]
    version: Mapped[int] = mapped_column(BigInteger)


class Match(Base):
    """The newest known state of a match. Only an accepted match becomes `need_ended`, sent, received or closed, and it stays accepted.
    `received` is the quantity that both sides confirmed.
    """

    __tablename__ = "matches"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(BigInteger)
    need_id: Mapped[UUID]
    pledger_id: Mapped[UUID]
    quantity: Mapped[int] = mapped_column(BigInteger)
    state: Mapped[str] = mapped_column(String(20))
    accepted_on: Mapped[date | None]
    received: Mapped[int | None] = mapped_column(BigInteger)


class Objection(Base):
    """A dispute or an appeal. `day` is empty until its opening is received; `is_over` is true once its end is."""

    __tablename__ = "objections"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(20))
    region: Mapped[str] = mapped_column(RegionCode)
    day: Mapped[date | None]
    is_over: Mapped[bool]


class ItemValue(Base):
    """The reference value of one unit of an item in fen, by the last version of the item that was heard."""

    __tablename__ = "item_values"

    category: Mapped[str] = mapped_column(CategoryCode, primary_key=True)
    version: Mapped[int] = mapped_column(BigInteger)
    fen: Mapped[int] = mapped_column(BigInteger)


class Stale(Base):
    """A subject with facts that are not counted yet. Rows are only added and never updated, so that no change is lost."""

    __tablename__ = "stale"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    kind: Mapped[str] = mapped_column(String(20))
    thing: Mapped[UUID]
    day: Mapped[date | None]


own = Table(
    "own",
    Base.metadata,
    Column("region", RegionCode, primary_key=True),
    Column("day", Date, primary_key=True),
    *(Column(name, Numeric, nullable=False) for name in MEASURES),
)
"""The counts at a region's own code alone."""

totals = Table(
    "totals",
    Base.metadata,
    Column("level", SmallInteger, primary_key=True),
    Column("region", RegionCode, primary_key=True),
    Column("day", Date, primary_key=True),
    *(Column(name, Numeric, nullable=False) for name in MEASURES),
)
"""The counts of a region and all below it. `level` is the length of its code."""

MONTHS_LEVEL = 6
"""The totals of months are kept down to counties."""

month_totals = Table(
    "month_totals",
    Base.metadata,
    Column("level", SmallInteger, primary_key=True),
    Column("region", RegionCode, primary_key=True),
    Column("day", Date, primary_key=True),
    *(Column(name, Numeric, nullable=False) for name in MEASURES),
)
"""The sums of the totals over each month, kept by triggers on `totals`. `day` is the first of the month."""
