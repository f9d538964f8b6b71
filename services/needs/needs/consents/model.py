"""The table of consents that households gave by SMS."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Mapped, mapped_column

from chassis.data.database import Moment, now
from needs.model import Base


class SmsConsent(Base):
    """A household agreed by SMS to a need as it stood then. Whoever amends the need has to ask again."""

    __tablename__ = "sms_consents"

    need_id: Mapped[UUID] = mapped_column(primary_key=True)
    question_id: Mapped[UUID]
    given_at: Mapped[datetime] = mapped_column(Moment, default=now)
