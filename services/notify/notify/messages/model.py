"""The tables of messages. They hold ids, codes and times: addresses, names and words are there only while a message is sent."""

from datetime import date, datetime
from typing import Literal
from uuid import UUID

from sqlalchemy import BigInteger, Date, Float, ForeignKey, Index, Integer, SmallInteger, String, Text, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from chassis.data.database import Moment, RegionCode
from notify.model import Base

State = Literal["created", "sending", "delivered", "temporary-failure", "permanent-failure", "technical-failure", "doubtful", "withdrawn"]


class Message(Base):
    """One notice, or one code, on its way over one channel; or the short `text` that follows the answer to a question.
    One with `endpoint_id` goes to an endpoint.

    `due_at` is when it is next taken in hand; while an attempt runs, when another process may take over; once the provider took it, when a
    report is overdue. `state` goes from `created` over `sending` to an end, at `settled_at`; a `temporary-failure` without `settled_at` is
    tried again. `doubtful` is a code of which nobody can tell whether it left. `withdrawn` was not sent because nobody needs it any more.
    `reason` is the last code of provider or door. `then` are the channels to try next if this one fails. `doubts` counts attempts of which
    nobody can tell whether they reached the provider. `region` is set for households alone, whose village has a work list. A message
    with `digest_id` stands for several notices: those of all messages with the same, which were `withdrawn` when it gathered them.
    """

    __tablename__ = "messages"
    __table_args__ = (
        Index("messages_due", "priority", "due_at", postgresql_where=text("settled_at IS NULL")),
        Index("messages_settled", "settled_at"),
        Index("messages_failed", "id", postgresql_where=text("settled_at IS NOT NULL AND state LIKE '%-failure'")),
        Index("messages_code_id", "code_id", unique=True, postgresql_where=text("code_id IS NOT NULL")),
        Index("messages_question_id", "question_id", "text", unique=True, postgresql_where=text("question_id IS NOT NULL")),
        Index("messages_notice_id", "notice_id", "channel", unique=True, postgresql_where=text("notice_id IS NOT NULL")),
        Index("messages_recipient_id", "recipient_id", postgresql_where=text("recipient_id IS NOT NULL")),
        Index("messages_region", "region", "id", postgresql_where=text("region IS NOT NULL")),
        Index("messages_digest_id", "digest_id", postgresql_where=text("digest_id IS NOT NULL")),
        Index("messages_endpoint_id", "endpoint_id", "id", postgresql_where=text("endpoint_id IS NOT NULL")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    notice_id: Mapped[UUID | None]
    code_id: Mapped[UUID | None]
    question_id: Mapped[UUID | None]
    text: Mapped[str | None] = mapped_column(String(20))
    recipient_id: Mapped[UUID | None]
    endpoint_id: Mapped[UUID | None]
    region: Mapped[str | None] = mapped_column(RegionCode)
    channel: Mapped[str] = mapped_column(String(20))
    then: Mapped[list[str]] = mapped_column(ARRAY(Text))
    kind: Mapped[str] = mapped_column(String(100))
    priority: Mapped[int] = mapped_column(SmallInteger)
    state: Mapped[State] = mapped_column(String(20))
    provider: Mapped[str | None] = mapped_column(String(20))
    reason: Mapped[str | None] = mapped_column(String(100))
    attempts: Mapped[int] = mapped_column(Integer)
    doubts: Mapped[int] = mapped_column(Integer)
    created_at: Mapped[datetime] = mapped_column(Moment)
    due_at: Mapped[datetime] = mapped_column(Moment)
    expires_at: Mapped[datetime] = mapped_column(Moment)
    taken_at: Mapped[datetime | None] = mapped_column(Moment)
    settled_at: Mapped[datetime | None] = mapped_column(Moment)
    digest_id: Mapped[UUID | None]


class Attempt(Base):
    """One attempt at sending a message, recorded before the provider is called. Without an `outcome` it runs, or its process died.

    `outcome` is `taken`, `delivered`, one of the failures, or, found out after a death: `absent` (it never reached the provider) or
    `doubtful`. `number` is the provider's own id of the letter.
    """

    __tablename__ = "attempts"
    __table_args__ = (Index("attempts_number", "provider", "number", postgresql_where=text("number IS NOT NULL")),)

    message_id: Mapped[UUID] = mapped_column(ForeignKey(Message.id, ondelete="CASCADE"), primary_key=True)
    attempt: Mapped[int] = mapped_column(Integer, primary_key=True)
    provider: Mapped[str] = mapped_column(String(20))
    begun_at: Mapped[datetime] = mapped_column(Moment)
    ended_at: Mapped[datetime | None] = mapped_column(Moment)
    outcome: Mapped[str | None] = mapped_column(String(20))
    reason: Mapped[str | None] = mapped_column(String(100))
    number: Mapped[str | None] = mapped_column(String(100))


class ProviderState(Base):
    """The circuit breaker and the allowance of one provider, or of one endpoint, shared by all processes.

    `failures` counts failures in a row; until `closed_until` nobody calls the provider. `sent` were sent on `day` (in China), `tokens` may
    be sent at once.
    """

    __tablename__ = "providers"

    name: Mapped[str] = mapped_column(String(60), primary_key=True)
    failures: Mapped[int] = mapped_column(Integer)
    closed_until: Mapped[datetime | None] = mapped_column(Moment)
    day: Mapped[date] = mapped_column(Date)
    sent: Mapped[int] = mapped_column(BigInteger)
    tokens: Mapped[float] = mapped_column(Float)
    filled_at: Mapped[datetime] = mapped_column(Moment)


class MessageCount(Base):
    """The number of messages of a day (in China) by how they ended, kept for ever; messages themselves are deleted."""

    __tablename__ = "message_counts"

    day: Mapped[date] = mapped_column(Date, primary_key=True)
    channel: Mapped[str] = mapped_column(String(20), primary_key=True)
    provider: Mapped[str] = mapped_column(String(20), primary_key=True)
    kind: Mapped[str] = mapped_column(String(100), primary_key=True)
    state: Mapped[str] = mapped_column(String(20), primary_key=True)
    messages: Mapped[int] = mapped_column(BigInteger)
