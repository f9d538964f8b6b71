"""Tables of links between needs that look alike, and of the keys by which likeness is found."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, LargeBinary, SmallInteger, String
from sqlalchemy.orm import Mapped, mapped_column

from chassis.data.database import Moment, now
from needs.model import Base


class Band(Base):
    """A key that needs with a similar text or photo have in common. It is a keyed hash, so nothing can be read from it."""

    __tablename__ = "need_bands"

    key: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    need_id: Mapped[UUID] = mapped_column(primary_key=True)
    source: Mapped[int] = mapped_column(SmallInteger)


class PhotoPrint(Base):
    """The keyed fingerprint of a photo's bytes, and a hash of its look in 64 bits."""

    __tablename__ = "need_photo_prints"

    need_id: Mapped[UUID] = mapped_column(primary_key=True)
    exact: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    look: Mapped[int | None] = mapped_column(BigInteger)


class Link(Base):
    """Two needs that look alike: the later one and the one before it."""

    __tablename__ = "need_links"

    need_id: Mapped[UUID] = mapped_column(primary_key=True)
    other_id: Mapped[UUID] = mapped_column(primary_key=True)
    likeness: Mapped[str] = mapped_column(String(20), primary_key=True)
    linked_at: Mapped[datetime] = mapped_column(Moment, default=now)
