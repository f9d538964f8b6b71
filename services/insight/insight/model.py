"""What insight knows: notes, and of others what it has to: how needs stand."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, MetaData
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from chassis.database import NAMING, CategoryCode, Moment, RegionCode, new_id, now
from chassis.sealed import Sealed


class Base(DeclarativeBase):
    metadata = MetaData(naming_convention=NAMING)


class Need(Base):
    """How a need stands, as needs told. One that ended keeps its row, so that what arrives late changes nothing."""

    __tablename__ = "needs"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(BigInteger)
    region: Mapped[str] = mapped_column(RegionCode)
    category: Mapped[str] = mapped_column(CategoryCode)
    ended: Mapped[bool]


class Note(Base):
    """What somebody wrote about a need; their text is encrypted, because it may be personal."""

    __tablename__ = "notes"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    version: Mapped[int] = mapped_column(BigInteger, default=1)
    author_id: Mapped[UUID]
    need_id: Mapped[UUID]
    text: Mapped[str] = mapped_column(Sealed)
    written_at: Mapped[datetime] = mapped_column(Moment, default=now)
