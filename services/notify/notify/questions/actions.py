"""Actions of questions: open one when its text is about to leave, close it when it is over."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from chassis.data.database import new_id, now
from contracts.notify import Asked
from notify.questions.model import Question, State

EXPIRED_AT_ONCE = 1_000


@dataclass(frozen=True, repr=False)
class Asking:
    """A question that a text is about to ask. `phone` is a fingerprint."""

    notice_id: UUID
    message_id: UUID
    recipient_id: UUID
    region: str | None
    kind: str
    asked: Asked
    about: UUID
    about_version: int
    phone: bytes
    telephone: str
    expires_at: datetime


def open_question(session: Session, asking: Asking, provider: str, extensions: Sequence[str]) -> str | None:
    """Open a question at a free number of the provider, and return the number's extension; None when none is free.

    A text that is sent again asks the same question. An older question about the same thing is replaced.
    """
    at = now()
    older = (Question.phone == asking.phone, Question.closed_at.is_(None))
    for one in session.scalars(select(Question).where(*older).order_by(Question.id).with_for_update()).all():
        if one.message_id == asking.message_id and one.provider == provider:
            return one.extension
        is_same = one.recipient_id == asking.recipient_id and (one.asked, one.about) == (asking.asked, asking.about)
        if one.message_id == asking.message_id or is_same:
            close(one, "replaced", at)
        elif one.expires_at <= at:
            close(one, "expired", at)
    session.flush()
    if asking.expires_at <= at:
        return None
    stated = {name: getattr(asking, name) for name in Asking.__dataclass_fields__}
    for extension in extensions:
        row = {"id": new_id(), "provider": provider, "extension": extension, "state": "open", "times": 1, "asked_at": at} | stated
        if session.scalar(insert(Question).values(row).on_conflict_do_nothing().returning(Question.id)):
            return extension
    return None


def close(question: Question, state: State, at: datetime) -> None:
    """Close a question in a state."""
    question.state, question.closed_at = state, at


def close_unsent(session: Session, message_id: UUID) -> None:
    """Close the question of a text that failed for good: nobody was asked."""
    session.execute(
        update(Question)
        .where(Question.message_id == message_id, Question.closed_at.is_(None))
        .values(state="unsent", closed_at=now())
        .execution_options(synchronize_session="fetch")
    )


def expire_questions(session: Session) -> None:
    """Close questions whose time is over, so that their numbers are free for others."""
    due = select(Question).where(Question.closed_at.is_(None), Question.expires_at <= now()).order_by(Question.expires_at)
    for question in session.scalars(due.limit(EXPIRED_AT_ONCE).with_for_update(skip_locked=True)):
        close(question, "expired", now())


def delete_questions_of(session: Session, recipients: Collection[UUID]) -> None:
    """Delete the questions to people who were erased."""
    session.execute(delete(Question).where(Question.recipient_id.in_(recipients)))
