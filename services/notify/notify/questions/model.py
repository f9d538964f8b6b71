"""The table of questions. A telephone stands there as a fingerprint."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from sqlalchemy import BigInteger, Index, LargeBinary, SmallInteger, String, text
from sqlalchemy.orm import Mapped, mapped_column

from chassis.data.database import Moment, RegionCode
from notify.model import Base

State = Literal["open", "answered", "unclear", "stopped", "expired", "replaced", "unsent"]


class Question(Base):
    """One question that a text asked one telephone. At most one is open for a telephone at each number that the provider sends from.

    `about` is the need or match, at the version that was shown. `telephone` says whose it is. The number is the `extension` of the
    provider's, empty for the provider's own. `times` counts how often it was asked: an unclear answer is asked about once more.
    `answered` was understood, `unclear` was not, twice. `stopped` was answered by a wish for no more texts. A newer question about the
    same thing makes it `replaced`; `unsent` never left.
    """

    __tablename__ = "questions"
    __table_args__ = (
        Index("questions_open", "phone", "provider", "extension", unique=True, postgresql_where=text("closed_at IS NULL")),
        Index("questions_phone", "phone", "asked_at"),
        Index("questions_expires_at", "expires_at", postgresql_where=text("closed_at IS NULL")),
        Index("questions_closed_at", "closed_at", postgresql_where=text("closed_at IS NOT NULL")),
        Index("questions_message_id", "message_id"),
        Index("questions_recipient_id", "recipient_id"),
        Index("questions_region", "region", "id", postgresql_where=text("region IS NOT NULL")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    notice_id: Mapped[UUID]
    message_id: Mapped[UUID]
    recipient_id: Mapped[UUID]
    region: Mapped[str | None] = mapped_column(RegionCode)
    kind: Mapped[str] = mapped_column(String(100))
    asked: Mapped[str] = mapped_column(String(20))
    about: Mapped[UUID]
    about_version: Mapped[int] = mapped_column(BigInteger)
    phone: Mapped[bytes] = mapped_column(LargeBinary)
    telephone: Mapped[str] = mapped_column(String(20))
    provider: Mapped[str] = mapped_column(String(20))
    extension: Mapped[str] = mapped_column(String(6))
    state: Mapped[State] = mapped_column(String(20))
    times: Mapped[int] = mapped_column(SmallInteger)
    answer: Mapped[str | None] = mapped_column(String(20))
    asked_at: Mapped[datetime] = mapped_column(Moment)
    expires_at: Mapped[datetime] = mapped_column(Moment)
    closed_at: Mapped[datetime | None] = mapped_column(Moment)
