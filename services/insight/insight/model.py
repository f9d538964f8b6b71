"""What insight knows: what it heard, who and what is to be counted anew, and the counts by region and day."""

from datetime import date
from uuid import UUID

from sqlalchemy import BigInteger, Column, Date, Identity, MetaData, Numeric, SmallInteger, String, Table
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from chassis.data.database import NAMING, RegionCode

BOUNDS = (0, 1, 2, 3, 5, 7, 10, 14, 21, 30, 45, 60, 90)
"""Days to the first match are counted up to each of these; what took longer is counted in none."""
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
"""What is counted of a region and a day. All of it can be added up over regions, and over days but for `active_…`: that of a week stands
on its Monday, that of a month on its first day."""


class Base(DeclarativeBase):
    metadata = MetaData(naming_convention=NAMING)


class Person(Base):
    """Somebody registered. `counted` is the region where they were counted last."""

    __tablename__ = "people"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(BigInteger)
    kind: Mapped[str] = mapped_column(String(20))
    region: Mapped[str] = mapped_column(RegionCode)
    day: Mapped[date]
    counted: Mapped[str | None] = mapped_column(RegionCode)


class Household(Base):
    """A household in its village's register."""

    __tablename__ = "households"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(BigInteger)
    region: Mapped[str] = mapped_column(RegionCode)
    day: Mapped[date]
    counted: Mapped[str | None] = mapped_column(RegionCode)


class Act(Base):
    """Somebody did something on a day. `region` is theirs, once it is known and counted."""

    __tablename__ = "acts"

    person_id: Mapped[UUID] = mapped_column(primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    region: Mapped[str | None] = mapped_column(RegionCode)


class Need(Base):
    """A need: the day of its publication and its urgency (1, 2 or 4), empty until that is heard; how it ended, and at which version (0
    while nothing of that was heard). `value` is in fen.
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
    """How a match stands by the newest version heard; `accepted_on` as soon as that is heard. Only an accepted match comes to be
    `need_ended`, sent, received or closed, and what was accepted stays so. `received` is what both sides confirmed.
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
    """A dispute or an appeal: the day on which it was brought up, empty until that is heard, and whether its end was."""

    __tablename__ = "objections"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(20))
    region: Mapped[str] = mapped_column(RegionCode)
    day: Mapped[date | None]
    is_over: Mapped[bool]


class Stale(Base):
    """A thing of which something was heard that is not counted yet. Rows are only ever added, so that none is lost between two."""

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
"""What is counted at a region's own code alone."""

totals = Table(
    "totals",
    Base.metadata,
    Column("level", SmallInteger, primary_key=True),
    Column("region", RegionCode, primary_key=True),
    Column("day", Date, primary_key=True),
    *(Column(name, Numeric, nullable=False) for name in MEASURES),
)
"""What is counted in a region and all below it; `level` is the length of its code."""
