"""The tables of endpoints: where notices are posted to, and what each delivery says."""

from datetime import date, datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Date, ForeignKey, Index, Integer, SmallInteger, String, Text, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from chassis.data.database import Moment, RegionCode, new_id
from chassis.data.encryption import Encrypted
from notify.model import Base

Channel = Literal["webhook", "wecom", "dingtalk", "feishu"]
State = Literal["unproven", "active", "disabled"]
TEST = "endpoint_test"
"""The kind of the message that proves an endpoint."""


class Endpoint(Base):
    """An address that gets notices: of an office, with its `region`, or of an account, `owner_id`.

    `channel` is `webhook` or the service of a bot. `address` holds a key, so it is shown to nobody; `host` is. `secret` signs; until
    `former_until` the `former_secret` signs too. An endpoint is `unproven` until its owner states the code `proof`, which a test brought
    there; `disabled` when it has failed for days, with the `reason` of the last failure. `tests` were sent on `tests_day` (in China).
    """

    __tablename__ = "endpoints"
    __table_args__ = (
        CheckConstraint("(owner_id IS NULL) <> (region IS NULL)"),
        Index("endpoints_owner_id", "owner_id", "id", postgresql_where=text("owner_id IS NOT NULL")),
        Index("endpoints_region", "region", "id", postgresql_where=text("region IS NOT NULL")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    version: Mapped[int] = mapped_column(BigInteger, default=1)
    owner_id: Mapped[UUID | None]
    region: Mapped[str | None] = mapped_column(RegionCode)
    channel: Mapped[Channel] = mapped_column(String(20))
    name: Mapped[str] = mapped_column(String(100))
    host: Mapped[str] = mapped_column(String(255))
    address: Mapped[str] = mapped_column(Encrypted)
    secret: Mapped[str | None] = mapped_column(Encrypted)
    former_secret: Mapped[str | None] = mapped_column(Encrypted)
    former_until: Mapped[datetime | None] = mapped_column(Moment)
    kinds: Mapped[list[str]] = mapped_column(ARRAY(Text))
    language: Mapped[str] = mapped_column(String(10))
    state: Mapped[State] = mapped_column(String(20))
    reason: Mapped[str | None] = mapped_column(String(100))
    proof: Mapped[str | None] = mapped_column(Encrypted)
    proof_until: Mapped[datetime | None] = mapped_column(Moment)
    tests: Mapped[int] = mapped_column(SmallInteger)
    tests_day: Mapped[date] = mapped_column(Date)
    created_by: Mapped[UUID]
    created_at: Mapped[datetime] = mapped_column(Moment)
    proven_at: Mapped[datetime | None] = mapped_column(Moment)
    disabled_at: Mapped[datetime | None] = mapped_column(Moment)


class Delivery(Base):
    """The content of a message to an endpoint: what a notice says, in facts. `more` like it came while it waited for a bot."""

    __tablename__ = "endpoint_deliveries"
    __table_args__ = (UniqueConstraint("endpoint_id", "about", "about_version", "kind", name="endpoint_deliveries_once"),)

    message_id: Mapped[UUID] = mapped_column(ForeignKey("messages.id", ondelete="CASCADE"), primary_key=True)
    endpoint_id: Mapped[UUID]
    kind: Mapped[str] = mapped_column(String(100))
    side: Mapped[str] = mapped_column(String(20))
    about: Mapped[UUID]
    about_version: Mapped[int] = mapped_column(BigInteger)
    facts: Mapped[dict[str, Any]] = mapped_column(JSONB)
    more: Mapped[int] = mapped_column(Integer, default=0)
