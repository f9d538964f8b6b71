"""Tables of regions: those that count now, how people write them, and the imports of other editions."""

from datetime import date, datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from sqlalchemy import String
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from chassis.data.database import Moment, RegionCode, new_id, now
from chassis.data.regions import region_changes
from users.base import Base


class Region(Base):
    """A division from province to village. The length of its code gives its level, the start of the code the regions around it."""

    __tablename__ = "regions"

    code: Mapped[str] = mapped_column(RegionCode, primary_key=True)
    name: Mapped[str] = mapped_column(String(100))


class RegionSpelling(Base):
    """One way to write a town or a wider region: its name or short name, in characters, pinyin or initials."""

    __tablename__ = "region_spellings"

    key: Mapped[str] = mapped_column(String(200, collation="C"), primary_key=True)
    code: Mapped[str] = mapped_column(RegionCode, primary_key=True)


class RegionImport(Base):
    """An import of another edition, with its counts. The newest one names the state of the register."""

    __tablename__ = "region_imports"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    imported_by: Mapped[UUID | None]
    imported_at: Mapped[datetime] = mapped_column(Moment, default=now)
    counts: Mapped[dict[str, Any]] = mapped_column(JSONB)


class RegionChange(Base):
    """A code that changed after the shipped edition, in the chassis's own table: users writes it first, and republishes it."""

    __table__ = region_changes

    if TYPE_CHECKING:
        id: Mapped[UUID]
        code: Mapped[str]
        version: Mapped[int]
        name: Mapped[str]
        valid_from: Mapped[date | None]
        valid_until: Mapped[date | None]
        successors: Mapped[list[str]]
