"""The table of codes to send. It holds ids and times; phone and code stay with users."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index, Integer, String, text
from sqlalchemy.orm import Mapped, mapped_column

from chassis.data.database import Moment
from notify.model import Base

WAITING, SENDING = "waiting", "sending"


class CodeMessage(Base):
    """An SMS with one code. `due_at` is the next attempt; while one runs, the time from which another process may take over.

    `state` goes from waiting over sending to an outcome: `sent`, `expired`, `gone`, `number_refused`, `provider_refused` or `unconfigured`.
    `reason` is the last code of provider or door.
    """

    __tablename__ = "code_messages"
    __table_args__ = (
        Index("code_messages_due", "due_at", postgresql_where=text("settled_at IS NULL")),
        Index("code_messages_settled", "settled_at"),
    )

    code_id: Mapped[UUID] = mapped_column(primary_key=True)
    purpose: Mapped[str] = mapped_column(String(30))
    expires_at: Mapped[datetime] = mapped_column(Moment)
    state: Mapped[str] = mapped_column(String(20))
    attempts: Mapped[int] = mapped_column(Integer)
    reason: Mapped[str | None] = mapped_column(String(100))
    heard_at: Mapped[datetime] = mapped_column(Moment)
    due_at: Mapped[datetime] = mapped_column(Moment)
    settled_at: Mapped[datetime | None] = mapped_column(Moment)
