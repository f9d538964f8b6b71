"""Table of households."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from chassis.data.database import Moment, RegionCode, new_id, now
from chassis.data.encryption import Encrypted
from users.accounts.model import Account
from users.base import Base


class Household(Base):
    """A household in its village's register. `account_id` is empty until somebody proves the phone that the village noted for it."""

    __tablename__ = "households"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    version: Mapped[int] = mapped_column(BigInteger, default=1)
    account_id: Mapped[UUID | None] = mapped_column(ForeignKey(Account.id))
    name: Mapped[str] = mapped_column(Encrypted)
    national_id: Mapped[str] = mapped_column(Encrypted)
    national_id_fingerprint: Mapped[bytes]
    status: Mapped[str] = mapped_column(String(20))
    region: Mapped[str] = mapped_column(RegionCode)
    registered_by: Mapped[UUID | None]
    registered_at: Mapped[datetime] = mapped_column(Moment, default=now)
    contact_phone: Mapped[str | None] = mapped_column(Encrypted)
    contact_phone_fingerprint: Mapped[bytes | None]
