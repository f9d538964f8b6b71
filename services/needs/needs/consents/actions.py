"""Actions of consents by SMS."""

from uuid import UUID

from sqlalchemy import delete
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from chassis.data.database import now
from needs.consents.model import SmsConsent


def record_consent(session: Session, need_id: UUID, question_id: UUID) -> None:
    """Record that a household agreed by its answer to a question; a second time changes nothing."""
    given = {"need_id": need_id, "question_id": question_id, "given_at": now()}
    session.execute(insert(SmsConsent).values(given).on_conflict_do_nothing())


def drop_consent(session: Session, need_id: UUID) -> None:
    """Drop the consent of a need that is amended: the household agreed to other words."""
    session.execute(delete(SmsConsent).where(SmsConsent.need_id == need_id))
