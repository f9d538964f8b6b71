"""The table of answers as they came: which question each met, and what became of it. Their words are not kept."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from sqlalchemy import Index, String
from sqlalchemy.orm import Mapped, mapped_column

from chassis.data.database import Moment
from notify.model import Base

Outcome = Literal["understood", "asked_again", "listed", "stopped", "late", "unasked"]


class AnswerTaken(Base):
    """One answer that a provider passed on, known by its provider and number, so that a repeated one changes nothing.

    `understood` was told to the service that acts. `late` came when the question was over, `unasked` when nothing was asked.
    """

    __tablename__ = "answers"
    __table_args__ = (Index("answers_came_at", "came_at"),)

    provider: Mapped[str] = mapped_column(String(20), primary_key=True)
    number: Mapped[str] = mapped_column(String(100), primary_key=True)
    question_id: Mapped[UUID | None]
    outcome: Mapped[Outcome] = mapped_column(String(20))
    came_at: Mapped[datetime] = mapped_column(Moment)
