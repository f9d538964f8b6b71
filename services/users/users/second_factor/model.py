"""Tables of second factors and their recovery codes."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from chassis.data.database import Moment, new_id
from chassis.data.encryption import Encrypted
from users.accounts.model import Account
from users.base import Base


class SecondFactor(Base):
    """The second factor of an account. `secret` counts; `offered_secret` replaces it once a code of it is given.

    `last_step` is the period of 30 seconds whose code was used last: that code and older ones are refused.
    """

    __tablename__ = "second_factors"
    __person__ = "account_id"

    account_id: Mapped[UUID] = mapped_column(ForeignKey(Account.id), primary_key=True)
    secret: Mapped[str | None] = mapped_column(Encrypted)
    offered_secret: Mapped[str | None] = mapped_column(Encrypted)
    confirmed_at: Mapped[datetime | None] = mapped_column(Moment)
    last_step: Mapped[int | None] = mapped_column(BigInteger)
    wrong_codes: Mapped[int] = mapped_column(BigInteger, default=0)
    wrong_at: Mapped[datetime | None] = mapped_column(Moment)


class RecoveryCode(Base):
    """The fingerprint of a recovery code. It stands in for one code of a lost second factor."""

    __tablename__ = "recovery_codes"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    account_id: Mapped[UUID] = mapped_column(ForeignKey(Account.id))
    code_fingerprint: Mapped[bytes]
    used_at: Mapped[datetime | None] = mapped_column(Moment)
