"""The tables of one-time codes. No code is stored: it is derived from a key and the id of its request."""

from datetime import date, datetime
from uuid import UUID, uuid4

from sqlalchemy import BigInteger, Date, SmallInteger, String
from sqlalchemy.orm import Mapped, mapped_column

from chassis.data.database import Moment, now
from chassis.data.encryption import Encrypted
from contracts.users import CodePurpose
from users.base import Base


class CodeRequest(Base):
    """A request for a code. `wanted` holds what its purpose needs, as JSON; `account_id` whom it is for, if that is known.

    `phone` is where the code goes: for `email_change` it is an e-mail address.

    The id is random, not a UUIDv7: a stranger who guessed it could use up the tries.
    """

    __tablename__ = "code_requests"
    __person__ = "id"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    version: Mapped[int] = mapped_column(BigInteger, default=1)
    purpose: Mapped[CodePurpose] = mapped_column(String(20))
    phone: Mapped[str] = mapped_column(Encrypted)
    phone_fingerprint: Mapped[bytes]
    language: Mapped[str] = mapped_column(String(10))
    key_id: Mapped[bytes]
    account_id: Mapped[UUID | None]
    wanted: Mapped[str | None] = mapped_column(Encrypted)
    tries: Mapped[int] = mapped_column(SmallInteger, default=0)
    looks: Mapped[int] = mapped_column(SmallInteger, default=0)
    requested_at: Mapped[datetime] = mapped_column(Moment, default=now)
    expires_at: Mapped[datetime] = mapped_column(Moment)
    used_at: Mapped[datetime | None] = mapped_column(Moment)


class CodeCount(Base):
    """The number of codes that were asked for on a day: for a phone, from an address, for a phone from an address, in the house."""

    __tablename__ = "code_counts"

    day: Mapped[date] = mapped_column(Date, primary_key=True)
    budget: Mapped[str] = mapped_column(String(20), primary_key=True)
    key: Mapped[bytes] = mapped_column(primary_key=True)
    requests: Mapped[int] = mapped_column(BigInteger)
