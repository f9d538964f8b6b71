"""Table of reports."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from chassis.data.database import Moment
from needs.model import Base


class Report(Base):
    """One account's report of a need. A reviewer clears reports; a cleared one counts no more, and its account does not report again."""

    __tablename__ = "need_reports"

    need_id: Mapped[UUID] = mapped_column(primary_key=True)
    account_id: Mapped[UUID] = mapped_column(primary_key=True)
    reason: Mapped[str] = mapped_column(String(20))
    reported_at: Mapped[datetime] = mapped_column(Moment)
    cleared_at: Mapped[datetime | None] = mapped_column(Moment)
    cleared_by: Mapped[UUID | None]
