"""Queries of consents by SMS."""

from uuid import UUID

from sqlalchemy.orm import Session

from needs.consents.model import SmsConsent


def has_agreed(session: Session, need_id: UUID) -> bool:
    """Tell whether the household agreed by SMS to the need as it stands."""
    return session.get(SmsConsent, need_id, populate_existing=True) is not None
