"""The table of dead letters: store messages that cannot be handled, find them, replay them, drop them."""

import hashlib
import json
import logging
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import Integer, LargeBinary, Select, String, delete, func, select, text
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from chassis.data.database import Moment, new_id, now, tables
from chassis.messaging import inbox, outbox
from chassis.messaging.subscription import Subscription
from chassis.ops import tracing
from chassis.problems import not_found, problem, state_conflict
from contracts.event import Envelope, every_event, name_of, producer_of

log = logging.getLogger("chassis.dead_letters.parked")
PARKED, REPLAYED, DROPPED = "parked", "replayed", "dropped"
UNREADABLE = "unreadable"

letter_too_old = problem(
    409,
    "letter_too_old",
    zh="此事件早于收件记录的期限，重放可能重复执行，请丢弃或改用重述",
    en="This event is older than the inbox remembers and might run twice. Drop it, or use retell.",
)
letter_unreadable = problem(
    409,
    "letter_unreadable",
    zh="此消息没有信封或不是 JSON，无法重放，请丢弃",
    en="This message has no envelope or is not JSON, so it cannot be replayed. Drop it.",
)


class _Base(DeclarativeBase):
    metadata = tables


class DeadLetter(_Base):
    """A message that could not be handled, as received, with headers made safe for JSON. Replaying or dropping deletes its content."""

    __tablename__ = "dead_letters"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    queue: Mapped[str] = mapped_column(String(200))
    name: Mapped[str] = mapped_column(String(100))
    event_id: Mapped[UUID | None]
    recorded_at: Mapped[datetime | None] = mapped_column(Moment)
    reason: Mapped[str] = mapped_column(String(100))
    attempts: Mapped[int] = mapped_column(Integer)
    parked_at: Mapped[datetime] = mapped_column(Moment, default=now)
    digest: Mapped[bytes]
    headers: Mapped[dict[str, Any]] = mapped_column(JSONB)
    body: Mapped[bytes] = mapped_column(LargeBinary, deferred=True)
    state: Mapped[str] = mapped_column(String(20), default=PARKED)
    settled_at: Mapped[datetime | None] = mapped_column(Moment)
    settled_by: Mapped[UUID | None]


def park(session: Session, subscription: Subscription, headers: Mapping[str, Any], body: bytes, reason: str, attempts: int) -> None:
    """Store a message that cannot be handled. The same message parked twice, after a lost acknowledgement, stays one dead letter."""
    envelope = _envelope(headers)
    said = f"{headers.get('ce-id')}".encode(errors="replace")
    row = insert(DeadLetter).values(
        id=new_id(), queue=subscription.queue, name=name_of(subscription.event), event_id=envelope and envelope.id,
        recorded_at=envelope and envelope.recorded_at, reason=reason[:100], attempts=attempts, parked_at=now(),
        digest=hashlib.sha256(said + b"\0" + body).digest(), headers=dict(headers), body=body, state=PARKED,
    )  # fmt: skip
    again = {name: getattr(row.excluded, name) for name in ("reason", "attempts", "parked_at")}
    session.execute(row.on_conflict_do_update(index_elements=["queue", "digest"], index_where=text("state = 'parked'"), set_=again))


def select_letters(
    event: str | None = None, reason: str | None = None, state: str | None = PARKED,
    parked_after: datetime | None = None, parked_before: datetime | None = None, ids: Collection[UUID] = (),
) -> Select[DeadLetter]:  # fmt: skip
    """Select the dead letters that match what is given, without their bodies. Times have a zone."""
    letters: Select[DeadLetter] = select(DeadLetter)
    for column, value in ((DeadLetter.name, event), (DeadLetter.reason, reason), (DeadLetter.state, state)):
        letters = letters.where(column == value) if value else letters
    letters = letters.where(DeadLetter.parked_at > parked_after) if parked_after else letters
    letters = letters.where(DeadLetter.parked_at < parked_before) if parked_before else letters
    return letters.where(DeadLetter.id.in_(ids)) if ids else letters


def replay(session: Session, letter_id: UUID, by: UUID | None = None) -> DeadLetter:
    """Send the event to its queue once more, under its own id, through the outbox.

    Raises `not_found`; `state_conflict` when it was replayed or dropped before; `letter_too_old` when the inbox may have forgotten
    that it was handled; `letter_unreadable` when it is no event.
    """
    letter = _locked(session, letter_id)
    envelope = _envelope(letter.headers)
    event = every_event().get(letter.name)
    if event is None or envelope is None or not is_json(letter.headers):
        raise letter_unreadable()
    try:
        body = letter.body.decode()
        version = json.loads(body)["version"]
    except (ValueError, TypeError, KeyError, RecursionError):
        raise letter_unreadable() from None
    if type(version) is not int or not -(2**63) < version < 2**63:
        raise letter_unreadable()
    if envelope.recorded_at < now() - inbox.RETENTION:
        raise letter_too_old()
    resent = msgspec.structs.replace(
        envelope, name=letter.name, producer=producer_of(event), traceparent=tracing.continue_or_start(envelope.traceparent)
    )
    outbox.add_for_queue(session, letter.queue, resent, version, body)
    return _settle(session, letter, REPLAYED, by)


def drop(session: Session, letter_id: UUID, by: UUID | None = None) -> DeadLetter:
    """Give a dead letter up and delete its content. Raises `not_found` and `state_conflict`."""
    return _settle(session, _locked(session, letter_id), DROPPED, by)


def delete_expired(session: Session) -> None:
    """Delete dead letters that were replayed or dropped longer ago than inboxes remember."""
    session.execute(delete(DeadLetter).where(DeadLetter.settled_at < func.now() - inbox.RETENTION))


def count_parked(session: Session) -> int:
    """Count the dead letters that are parked now."""
    return session.scalar(select(func.count()).select_from(DeadLetter).where(DeadLetter.state == PARKED)) or 0


def is_json(headers: Mapping[str, Any]) -> bool:
    """Tell whether these headers declare a body of plain JSON, as all events have."""
    content_type, encoding = headers.get("content-type"), headers.get("content-encoding")
    return content_type == "application/json" and (encoding or "utf-8").lower() in {"utf-8", "utf8"}


def _locked(session: Session, letter_id: UUID) -> DeadLetter:
    letter = session.get(DeadLetter, letter_id, with_for_update=True, populate_existing=True)
    if letter is None:
        raise not_found()
    if letter.state != PARKED:
        raise state_conflict(state=letter.state)
    return letter


def _settle(session: Session, letter: DeadLetter, state: str, by: UUID | None) -> DeadLetter:
    letter.state, letter.settled_at, letter.settled_by = state, now(), by
    letter.body, letter.headers = b"", {}
    session.flush()
    log.warning(
        f"a dead letter was {state}",
        extra={"letter": str(letter.id), "queue": letter.queue, "event_id": str(letter.event_id), "by": str(by) if by else "command"},
    )
    return letter


def _envelope(headers: Mapping[str, Any]) -> Envelope | None:
    """Read the envelope; None when it is invalid, or when its time is outside the range of Python and PostgreSQL."""
    try:
        envelope = Envelope.of(headers)
    except (msgspec.ValidationError, ValueError, RecursionError):
        return None
    return envelope if 1970 <= envelope.recorded_at.year <= 2200 else None
