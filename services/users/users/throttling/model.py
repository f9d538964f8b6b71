"""Table of counts of wrong passwords."""

from datetime import datetime

from sqlalchemy import BigInteger
from sqlalchemy.orm import Mapped, mapped_column

from chassis.data.database import Moment
from users.base import Base


class WrongPasswords(Base):
    """Wrong passwords for one phone, from one address, or for one phone from one address.

    `key` is a fingerprint of these, so the table tells nobody who signs in from where. One try is forgotten after each while since `since`.
    Until `known_until` a phone counts as one that signs in from this address.
    """

    __tablename__ = "wrong_passwords"

    key: Mapped[bytes] = mapped_column("phone_fingerprint", primary_key=True)
    tries: Mapped[int] = mapped_column(BigInteger)
    since: Mapped[datetime] = mapped_column(Moment)
    last_at: Mapped[datetime] = mapped_column(Moment)
    known_until: Mapped[datetime | None] = mapped_column(Moment)
