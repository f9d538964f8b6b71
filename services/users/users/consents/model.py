"""Table of consents."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from chassis.data.database import Moment, new_id, now
from users.base import Base
from users.households.model import Household


class Consent(Base):
    """A household consented to a version of a text, in a way that can be shown later, until it withdraws."""

    __tablename__ = "consents"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    version: Mapped[int] = mapped_column(BigInteger, default=1)
    household_id: Mapped[UUID] = mapped_column(ForeignKey(Household.id))
    household: Mapped[Household] = relationship(lazy="joined", innerjoin=True)
    purpose: Mapped[str] = mapped_column(String(20))
    text_version: Mapped[str] = mapped_column(String(20))
    way: Mapped[str] = mapped_column(String(20))
    given_at: Mapped[datetime] = mapped_column(Moment, default=now)
    recorded_by: Mapped[UUID]
    withdrawn_at: Mapped[datetime | None] = mapped_column(Moment)
    withdrawn_by: Mapped[UUID | None]
