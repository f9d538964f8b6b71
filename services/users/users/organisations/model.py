"""Table of organisations."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from chassis.data.database import Moment, RegionCode, now
from chassis.data.encryption import Encrypted
from users.accounts.model import Account
from users.base import Base


class Organisation(Base):
    """The registered name and unified social credit code of an account, and whether an administrator confirmed them.

    `id` is the account's. Each confirmation has a version of its own (`verified_version`); a change of name or code ends it.
    """

    __tablename__ = "organisations"
    __person__ = "id"

    id: Mapped[UUID] = mapped_column(ForeignKey(Account.id), primary_key=True)
    version: Mapped[int] = mapped_column(BigInteger, default=1)
    account: Mapped[Account] = relationship(lazy="joined", innerjoin=True)
    name: Mapped[str] = mapped_column(Encrypted)
    uscc: Mapped[str] = mapped_column(Encrypted)
    uscc_fingerprint: Mapped[bytes]
    region: Mapped[str] = mapped_column(RegionCode)
    stated_at: Mapped[datetime] = mapped_column(Moment, default=now)
    verified_by: Mapped[UUID | None]
    verified_at: Mapped[datetime | None] = mapped_column(Moment)
    verified_version: Mapped[int | None] = mapped_column(BigInteger)
    ended_by: Mapped[UUID | None]
    ended_at: Mapped[datetime | None] = mapped_column(Moment)
    reason: Mapped[str | None] = mapped_column(String(20))

    @property
    def state(self) -> str:
        """One of `waiting`, `verified` and `ended`."""
        if self.ended_at:
            return "ended"
        return "verified" if self.verified_at else "waiting"
