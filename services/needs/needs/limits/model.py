"""Tables of the limits that regions have set, and of verified organisations."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from chassis.data.database import Moment, RegionCode
from needs.model import Base


class LimitSet(Base):
    """One version of the limits that a region has set. The latest version holds; the others say who set what before."""

    __tablename__ = "limits"

    region: Mapped[str] = mapped_column(RegionCode, primary_key=True)
    version: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    limits: Mapped[list[list[str | int]]] = mapped_column(JSONB)
    set_by: Mapped[UUID]
    set_at: Mapped[datetime] = mapped_column(Moment)


class Organisation(Base):
    """Whether an administrator has verified an organisation, copied from the events of users."""

    __tablename__ = "organisations"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(BigInteger)
    verified: Mapped[bool]
