"""The table of answers by SMS about needs: what each asked for, and what became of it."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index, String
from sqlalchemy.orm import Mapped, mapped_column

from chassis.data.database import Moment, now
from needs.model import Base


class Answer(Base):
    """An answer to a question, whose id it bears, so that it is carried out once. `problem` is the code of the rule that refused it."""

    __tablename__ = "answers"
    __table_args__ = (Index("answers_need_id", "need_id"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    need_id: Mapped[UUID]
    household_id: Mapped[UUID]
    account_id: Mapped[UUID | None]
    person_id: Mapped[UUID]
    asked: Mapped[str] = mapped_column(String(20))
    answer: Mapped[str] = mapped_column(String(20))
    problem: Mapped[str | None] = mapped_column(String(50))
    judged_at: Mapped[datetime] = mapped_column(Moment, default=now)
