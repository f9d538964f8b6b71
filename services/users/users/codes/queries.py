"""Queries of one-time codes."""

from uuid import UUID

from sqlalchemy import exists, or_, select
from sqlalchemy.orm import Session

from users.accounts.model import Account
from users.codes.model import CodeRequest


def may_send(session: Session, code_id: UUID) -> bool:
    """Tell whether the code of a request may leave: always to prove a new phone, else only to the phone of an active account."""
    holder = exists().where(Account.phone_fingerprint == CodeRequest.phone_fingerprint, Account.state == "active")
    is_open = or_(CodeRequest.purpose.in_(("registration", "phone_change", "email_change")), holder)
    return session.scalar(select(CodeRequest.id).where(CodeRequest.id == code_id, is_open)) is not None
