"""Table of accounts."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, String
from sqlalchemy.orm import Mapped, mapped_column

from chassis.data.database import Moment, RegionCode, new_id, now
from chassis.data.encryption import Encrypted
from contracts.users import Kind, OfficialKind
from users.base import Base


class Account(Base):
    """An account. `phone` is E.164; `proven_at` is empty until a code proved it, and such an account holds the phone against nobody.

    `phone_set_by` names the administrator who set the phone, until it is proven. `email` was proven by a code that was mailed there.
    """

    __tablename__ = "accounts"
    __person__ = "id"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    version: Mapped[int] = mapped_column(BigInteger, default=1)
    kind: Mapped[Kind | OfficialKind] = mapped_column(String(20))
    phone: Mapped[str] = mapped_column(Encrypted)
    phone_fingerprint: Mapped[bytes]
    name: Mapped[str] = mapped_column(Encrypted)
    region: Mapped[str] = mapped_column(RegionCode)
    campaign: Mapped[str | None] = mapped_column(String(40))
    password_hash: Mapped[str | None] = mapped_column(String(200))
    state: Mapped[str] = mapped_column(String(20), default="active")
    registered_at: Mapped[datetime] = mapped_column(Moment, default=now)
    proven_at: Mapped[datetime | None] = mapped_column(Moment)
    phone_set_by: Mapped[UUID | None]
    email: Mapped[str | None] = mapped_column(Encrypted)
