"""Table of looks at people whose data are masked otherwise; those at households have one of their own."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from chassis.data.database import Moment, new_id, now
from chassis.data.encryption import Encrypted
from users.base import Base


class PersonReveal(Base):
    """A look at an account, or at whoever reported themselves: who, for which purpose and why. `person_id` is the account or the report."""

    __tablename__ = "person_reveals"
    __person__ = "person_id"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    person_id: Mapped[UUID]
    revealed_by: Mapped[UUID]
    revealed_at: Mapped[datetime] = mapped_column(Moment, default=now)
    purpose: Mapped[str] = mapped_column(String(20))
    reason: Mapped[str] = mapped_column(Encrypted)
