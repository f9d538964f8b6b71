"""The tables of preferences: what people chose, and the keys of the links by which they unsubscribe."""

from datetime import datetime, time
from typing import Literal
from uuid import UUID

from sqlalchemy import BigInteger, SmallInteger, String, Text, Time
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from chassis.data.database import Moment
from notify.model import Base

Digest = Literal["daily", "never"]
Language = Literal["zh-CN", "en"]


class Preferences(Base):
    """The preferences of one recipient, an account or a household. Whoever has no row has those of `rules.DEFAULT`.

    `time_zone` is null when the region decides. `quiet_since` and `quiet_until` are times of the day there, both null without quiet hours.
    `silenced` lists what does not leave the app: `need_met.sms` is one kind on one channel, `*.email` is every kind by e-mail.
    `language` is that of mails and WeChat messages; SMS have texts that providers filed in Chinese.
    """

    __tablename__ = "preferences"

    recipient_id: Mapped[UUID] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(BigInteger)
    time_zone: Mapped[str | None] = mapped_column(String(20))
    quiet_since: Mapped[time | None] = mapped_column(Time)
    quiet_until: Mapped[time | None] = mapped_column(Time)
    urgent_passes: Mapped[bool]
    sms_per_day: Mapped[int] = mapped_column(SmallInteger)
    digest: Mapped[Digest] = mapped_column(String(10))
    silenced: Mapped[list[str]] = mapped_column(ARRAY(Text))
    language: Mapped[Language] = mapped_column(String(10), server_default="zh-CN")
    changed_at: Mapped[datetime] = mapped_column(Moment)


class UnsubscribingKey(Base):
    """The random key in the links by which one recipient ends all e-mails. Whoever has it can do nothing else."""

    __tablename__ = "unsubscribing_keys"

    recipient_id: Mapped[UUID] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(String(43), unique=True)
    created_at: Mapped[datetime] = mapped_column(Moment)
