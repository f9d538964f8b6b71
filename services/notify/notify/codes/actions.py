"""Codes to send: record them, claim those that are due, note each outcome."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import delete, func, select, text, true, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from chassis.data.database import now
from contracts.users import CodeRequested
from notify.codes.model import SENDING, WAITING, CodeMessage
from notify.codes.rules import Outcome, next_attempt

log = logging.getLogger("notify.codes")
CHANNEL = "code_messages"
LEASE = timedelta(seconds=30)
"""An attempt takes less: the deadlines of door and provider together. Longer ones died with their process."""
KEPT = timedelta(days=30)
_WAKE = text(f"SELECT pg_notify('{CHANNEL}', '')")


@dataclass(frozen=True)
class Claimed:
    """A code that one attempt at sending may take."""

    code_id: UUID
    purpose: str
    expires_at: datetime
    heard_at: datetime
    attempts: int


def record_requests(session: Session, events: Sequence[CodeRequested]) -> None:
    """Record the codes to send, each once. Drop those that have expired meanwhile."""
    at = now()
    fresh = {event.code_id: event for event in events if event.expires_at > at}
    if late := len(events) - len(fresh):
        log.info("codes expired before they were heard of", extra={"count": late})
    if not fresh:
        return
    rows = [
        {"code_id": code_id, "purpose": event.purpose, "expires_at": event.expires_at, "state": WAITING, "attempts": 0}
        | {"heard_at": at, "due_at": at}
        for code_id, event in sorted(fresh.items())
    ]
    session.execute(insert(CodeMessage).on_conflict_do_nothing(), rows)
    session.execute(_WAKE)


def claim(session: Session, limit: int) -> list[Claimed]:
    """Claim codes that are due, the most urgent first. Others may take them over once `LEASE` is over."""
    due = (
        select(CodeMessage.code_id)
        .where(CodeMessage.settled_at.is_(None), CodeMessage.due_at <= func.clock_timestamp())
        .order_by(CodeMessage.due_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
        .cte("due")
    )
    claimed = session.execute(
        update(CodeMessage)
        .where(CodeMessage.code_id == due.c.code_id)
        .values(state=SENDING, attempts=CodeMessage.attempts + 1, due_at=func.clock_timestamp() + LEASE)
        .returning(CodeMessage.code_id, CodeMessage.purpose, CodeMessage.expires_at, CodeMessage.heard_at, CodeMessage.attempts)
        .execution_options(synchronize_session=False)
    )
    return [Claimed(*row) for row in claimed]


def note_outcome(session: Session, claimed: Claimed, outcome: Outcome, reason: str | None) -> None:
    """Note how an attempt ended. A failed one is repeated later. An attempt that was taken over meanwhile changes nothing but to `sent`."""
    at = now()
    ours = CodeMessage.attempts == claimed.attempts if outcome != "sent" else true()
    if outcome == "failed":
        values = {"state": WAITING, "due_at": next_attempt(claimed.attempts, at, claimed.expires_at), "reason": reason}
    else:
        values = {"state": outcome, "settled_at": at, "reason": reason}
    session.execute(
        update(CodeMessage)
        .where(CodeMessage.code_id == claimed.code_id, CodeMessage.settled_at.is_(None), ours)
        .values(values)
        .execution_options(synchronize_session=False)
    )


def delete_old(session: Session) -> None:
    """Delete what was settled longer ago than `KEPT`."""
    session.execute(delete(CodeMessage).where(CodeMessage.settled_at < now() - KEPT))
