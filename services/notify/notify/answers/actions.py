"""Actions of answers: take what a provider passes on, and go on by what it says."""

from datetime import datetime, timedelta
from typing import cast
from uuid import UUID

from sqlalchemy import delete, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from chassis.data.database import now
from chassis.data.encryption import fingerprint
from chassis.messaging import outbox
from contracts.notify import Asked
from notify.answers.events import question_answered
from notify.answers.model import AnswerTaken, Outcome
from notify.channels.replies import Reply
from notify.channels.texts import ANSWER_LATE, ANSWER_LISTED, ASK_AGAIN
from notify.messages import actions as messages
from notify.messages.planning import plan_follow_up
from notify.preferences.actions import unsubscribe
from notify.preferences.rules import SMS
from notify.questions import rules
from notify.questions.actions import close
from notify.questions.model import Question

KEPT = timedelta(days=30)
DELETED_AT_ONCE = 10_000


def take_reply(session: Session, provider: str, reply: Reply) -> Outcome | None:
    """Take an answer, once; return what became of it, or None for one that came before.

    It counts only for the question that is open for this telephone at the number that it was sent to. A wish for no more texts counts for
    whoever was asked there last, also later: their village tells them from then on.
    """
    at = now()
    fresh = insert(AnswerTaken).values(provider=provider, number=reply.number, outcome="unasked", came_at=at)
    if session.scalar(fresh.on_conflict_do_nothing().returning(AnswerTaken.number)) is None:
        return None
    question = _find_question(session, provider, reply)
    outcome = _go_on(session, question, reply, at)
    session.execute(
        update(AnswerTaken)
        .where(AnswerTaken.provider == provider, AnswerTaken.number == reply.number)
        .values(outcome=outcome, question_id=question.id if question else None)
        .execution_options(synchronize_session=False)
    )
    session.flush()
    return outcome


def _find_question(session: Session, provider: str, reply: Reply) -> Question | None:
    """Lock the open question that an answer may belong to, or else the last one of this telephone at this number."""
    asked = (Question.phone == fingerprint(reply.phone), Question.provider == provider, Question.extension == reply.extension)
    newest = select(Question).where(*asked).order_by(Question.closed_at.is_(None).desc(), Question.asked_at.desc()).limit(1)
    return session.scalars(newest.with_for_update()).first()


def _go_on(session: Session, question: Question | None, reply: Reply, at: datetime) -> Outcome:
    if question is None:
        return "unasked"
    reading = rules.read_answer(reply.text)
    if reading == rules.STOP:
        return _stop(session, question, at)
    if question.closed_at is not None or question.expires_at <= at:
        return _answer_late(session, question, at)
    messages.note_arrival(session, question.message_id)
    answer = rules.KINDS[cast("Asked", question.asked)].answers.get(reading or "")
    if answer:
        close(question, "answered", at)
        question.answer = answer
        session.flush()
        outbox.add(session, question_answered(question))
        return "understood"
    if question.times < rules.ASKED_AT_MOST:
        question.times += 1
        plan_follow_up(session, question, ASK_AGAIN, at)
        return "asked_again"
    close(question, "unclear", at)
    messages.put_on_list(session, question, at)
    plan_follow_up(session, question, ANSWER_LISTED, at)
    return "listed"


def _stop(session: Session, question: Question, at: datetime) -> Outcome:
    """End all SMS to whoever was asked, without another one. Their village tells them what was asked, and what comes later."""
    unsubscribe(session, question.recipient_id, SMS)
    if question.closed_at is None:
        messages.note_arrival(session, question.message_id)
        close(question, "stopped", at)
        messages.put_on_list(session, question, at)
    return "stopped"


def _answer_late(session: Session, question: Question, at: datetime) -> Outcome:
    """Note an answer to a question that is over; the person hears so, once, unless they were answered already."""
    if question.closed_at is None:
        close(question, "expired", at)
    if question.state in {"expired", "replaced"}:
        plan_follow_up(session, question, ANSWER_LATE, at)
    return "late"


def delete_old(session: Session) -> None:
    """Delete answers, and questions that were closed, longer ago than `KEPT`, ten thousand at a time."""
    before = now() - KEPT
    old = select(AnswerTaken.provider, AnswerTaken.number).where(AnswerTaken.came_at < before).order_by(AnswerTaken.came_at)
    keys = session.execute(old.limit(DELETED_AT_ONCE).with_for_update(skip_locked=True)).all()
    for provider in {key.provider for key in keys}:
        numbers = [key.number for key in keys if key.provider == provider]
        session.execute(delete(AnswerTaken).where(AnswerTaken.provider == provider, AnswerTaken.number.in_(numbers)))
    closed = select(Question.id).where(Question.closed_at < before).order_by(Question.closed_at)
    ids: list[UUID] = list(session.scalars(closed.limit(DELETED_AT_ONCE).with_for_update(skip_locked=True)))
    session.execute(delete(Question).where(Question.id.in_(ids)))
