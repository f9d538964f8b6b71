"""Table of collection points."""

from uuid import UUID

from sqlalchemy import BigInteger, String
from sqlalchemy.orm import Mapped, mapped_column

from chassis.data.database import RegionCode
from matching.book.model import Base


class Point(Base):
    """A collection point as it counts now. `version` is that of the last event; everything here is public."""

    __tablename__ = "points"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(BigInteger)
    region: Mapped[str] = mapped_column(RegionCode)
    state: Mapped[str] = mapped_column(String(20))
    name: Mapped[str] = mapped_column(String(100))
    address: Mapped[str] = mapped_column(String(200))
    hours: Mapped[str] = mapped_column(String(200))
    telephone: Mapped[str | None] = mapped_column(String(20))
    do_not_bring: Mapped[str] = mapped_column(String(300))
