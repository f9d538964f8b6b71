"""Tables of sign-ins and of wrong passwords."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from chassis.data.database import Moment
from users.accounts.model import Account
from users.base import Base


class SignIn(Base):
    """A sign-in, with hashes of its present refresh token and of the one before."""

    __tablename__ = "sign_ins"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    account_id: Mapped[UUID] = mapped_column(ForeignKey(Account.id))
    token_hash: Mapped[bytes]
    replaced_hash: Mapped[bytes | None]
    salt: Mapped[bytes | None]
    started_at: Mapped[datetime] = mapped_column(Moment)
    refreshed_at: Mapped[datetime] = mapped_column(Moment)
    expires_at: Mapped[datetime] = mapped_column(Moment)
    ended_at: Mapped[datetime | None] = mapped_column(Moment)
    ended_because: Mapped[str | None] = mapped_column(String(20))


class WrongPasswords(Base):
    """The number of wrong passwords for a phone since a moment, also for a phone without an account."""

    __tablename__ = "wrong_passwords"

    phone_fingerprint: Mapped[bytes] = mapped_column(primary_key=True)
    tries: Mapped[int] = mapped_column(BigInteger)
    since: Mapped[datetime] = mapped_column(Moment)
