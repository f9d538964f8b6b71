"""The table of drafts."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger
from sqlalchemy.orm import Mapped, mapped_column

from chassis.data.database import Moment, new_id
from chassis.data.encryption import Encrypted
from needs.model import Base


class Draft(Base):
    """A need that its author has not posted yet: `content` is JSON of the fields so far. A posted draft has `need_id` and no content."""

    __tablename__ = "drafts"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    version: Mapped[int] = mapped_column(BigInteger, default=1)
    author_id: Mapped[UUID]
    household_id: Mapped[UUID | None]
    content: Mapped[str | None] = mapped_column(Encrypted)
    need_id: Mapped[UUID | None]
    made_at: Mapped[datetime] = mapped_column(Moment)
    changed_at: Mapped[datetime] = mapped_column(Moment)
    expires_at: Mapped[datetime] = mapped_column(Moment)
