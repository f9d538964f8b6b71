"""Tables of institutions and their versions. They hold public facts of offices, nothing personal."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, String
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from chassis.data.database import Moment, RegionCode, new_id, now
from contracts.users import InstitutionKind
from users.base import Base


class Institution(Base):
    """A school, clinic, hospital or village committee that may have needs. `telephone` is the office's, as people write it."""

    __tablename__ = "institutions"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    version: Mapped[int] = mapped_column(BigInteger, default=1)
    kind: Mapped[InstitutionKind] = mapped_column(String(20))
    name: Mapped[str] = mapped_column(String(100))
    uscc: Mapped[str | None] = mapped_column(String(18))
    region: Mapped[str] = mapped_column(RegionCode)
    address: Mapped[str | None] = mapped_column(String(200))
    telephone: Mapped[str | None] = mapped_column(String(20))
    registered_by: Mapped[UUID]
    registered_at: Mapped[datetime] = mapped_column(Moment, default=now)
    changed_by: Mapped[UUID]
    changed_at: Mapped[datetime] = mapped_column(Moment, default=now)
    ended_at: Mapped[datetime | None] = mapped_column(Moment)
    ended_by: Mapped[UUID | None]
    ended_because: Mapped[str | None] = mapped_column(String(20))


class InstitutionVersion(Base):
    """A version of an institution: who changed what and why. `changed` holds values before and after, by field."""

    __tablename__ = "institution_versions"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    institution_id: Mapped[UUID] = mapped_column(ForeignKey(Institution.id))
    version: Mapped[int] = mapped_column(BigInteger)
    act: Mapped[str] = mapped_column(String(40))
    reason: Mapped[str | None] = mapped_column(String(20))
    changed_by: Mapped[UUID]
    changed_at: Mapped[datetime] = mapped_column(Moment, default=now)
    changed: Mapped[dict[str, Any]] = mapped_column(JSONB)
