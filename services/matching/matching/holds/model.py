"""Table of holds."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from chassis.data.database import Moment, new_id
from matching.book.model import Base


class Hold(Base):
    """Units of a need that a giver holds while choosing. The need's `rest` lacks them as long as the hold is `open`.

    It ends `used` by a claim, `released` by the giver, or `expired`. A giver has one open hold at most.
    """

    __tablename__ = "holds"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    version: Mapped[int] = mapped_column(BigInteger, default=1)
    need_id: Mapped[UUID] = mapped_column(ForeignKey("needs.id"))
    giver_id: Mapped[UUID]
    quantity: Mapped[int] = mapped_column(BigInteger)
    state: Mapped[str] = mapped_column(String(10), default="open")
    opened_at: Mapped[datetime] = mapped_column(Moment)
    expires_at: Mapped[datetime] = mapped_column(Moment)
    ended_at: Mapped[datetime | None] = mapped_column(Moment)
