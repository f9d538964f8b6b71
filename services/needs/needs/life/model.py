"""Tables of the history of needs, and of villages with the time of their last post."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, Identity, String
from sqlalchemy.orm import Mapped, mapped_column

from chassis.data.database import Moment, RegionCode, new_id
from needs.model import Base


class Change(Base):
    """A change of a need: the act, who did it if anybody did, and the state after it. Triggers write it; it holds no text of people."""

    __tablename__ = "need_history"

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    need_id: Mapped[UUID]
    version: Mapped[int] = mapped_column(BigInteger)
    act: Mapped[str] = mapped_column(String(20))
    state: Mapped[str] = mapped_column(String(20))
    quantity: Mapped[int] = mapped_column(BigInteger)
    reason: Mapped[str | None] = mapped_column(String(50))
    by_id: Mapped[UUID | None]
    expires_at: Mapped[datetime | None] = mapped_column(Moment)
    at: Mapped[datetime] = mapped_column(Moment)


class Village(Base):
    """A village with registered households. It is silent from `silent_since` on; `told_at` is when its township learnt of it.

    `last_posted_at` is the last post that its last check found; `version` counts its silences.
    """

    __tablename__ = "villages"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    region: Mapped[str] = mapped_column(RegionCode)
    version: Mapped[int] = mapped_column(BigInteger, default=0)
    known_since: Mapped[datetime] = mapped_column(Moment)
    checked_at: Mapped[datetime] = mapped_column(Moment)
    last_posted_at: Mapped[datetime | None] = mapped_column(Moment)
    silent_since: Mapped[datetime | None] = mapped_column(Moment)
    told_at: Mapped[datetime | None] = mapped_column(Moment)
