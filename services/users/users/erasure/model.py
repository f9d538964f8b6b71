"""Table of erasures."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, String, Uuid
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from chassis.data.database import Moment, RegionCode, now
from users.base import Base


class Erasure(Base):
    """The erasure of a person, by the id of the account, or of the household if it has none.

    Values are emptied at once. When no access token of theirs counts any more, the keys of `people` are erased and it is published.
    """

    __tablename__ = "erasures"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(BigInteger, default=1)
    account_id: Mapped[UUID | None]
    household_id: Mapped[UUID | None]
    people: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid))
    region: Mapped[str] = mapped_column(RegionCode)
    purpose: Mapped[str] = mapped_column(String(20))
    reason: Mapped[str] = mapped_column(String(20))
    requested_by: Mapped[UUID | None]
    requested_at: Mapped[datetime] = mapped_column(Moment, default=now)
    erased_at: Mapped[datetime | None] = mapped_column(Moment)
