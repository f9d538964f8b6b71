"""The table of subscriptions. Addresses and keys are encrypted, and go with their account."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import LargeBinary, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from chassis.data.database import Moment, new_id
from chassis.data.encryption import Encrypted
from notify.model import Base


class PushSubscription(Base):
    """A browser that a person lets notices be pushed to. `fingerprint` is that of `endpoint`, the address at the push service.

    A browser belongs to one account at a time: the one that subscribed it last. `public_key` and `auth` are the browser's keys, in
    URL-safe base64.
    """

    __tablename__ = "push_subscriptions"
    __table_args__ = (UniqueConstraint("fingerprint", name="push_subscriptions_fingerprint_key"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    account_id: Mapped[UUID] = mapped_column(index=True)
    fingerprint: Mapped[bytes] = mapped_column(LargeBinary)
    endpoint: Mapped[str] = mapped_column(Encrypted)
    public_key: Mapped[str] = mapped_column(Encrypted)
    auth: Mapped[str] = mapped_column(Encrypted)
    language: Mapped[str] = mapped_column(String(10))
    created_at: Mapped[datetime] = mapped_column(Moment)
