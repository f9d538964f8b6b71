"""What notify knows: who was told what, on which channel, and whether they read it."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, MetaData, String
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from chassis.data.database import NAMING, Moment


class Base(DeclarativeBase):
    metadata = MetaData(naming_convention=NAMING)


class Notice(Base):
    """What one person is told of one event; an administrator of no more of its kind before they have read it.

    `about` at `about_version` is the need, pledge, match or what was said of one; `facts` is what the words are made of.

    `state` goes created, sending, then delivered or technical-failure; in the app the row itself is the delivery.
    """

    __tablename__ = "notices"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(BigInteger)
    recipient_id: Mapped[UUID]
    kind: Mapped[str] = mapped_column(String(100))
    side: Mapped[str] = mapped_column(String(20))
    about: Mapped[UUID]
    about_version: Mapped[int] = mapped_column(BigInteger)
    facts: Mapped[dict[str, Any]] = mapped_column(JSONB)
    channel: Mapped[str] = mapped_column(String(20))
    state: Mapped[str] = mapped_column(String(20))
    created_at: Mapped[datetime] = mapped_column(Moment)
    read_at: Mapped[datetime | None] = mapped_column(Moment)
