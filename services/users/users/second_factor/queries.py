"""Queries of second factors."""

from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from chassis.http.auth import Caller
from users.second_factor.model import RecoveryCode, SecondFactor


def find_second_factor(session: Session, account_id: UUID) -> SecondFactor | None:
    """Find the second factor of an account, offered or confirmed."""
    return session.get(SecondFactor, account_id)


def describe_second_factor(session: Session, caller: Caller) -> dict[str, Any]:
    """Return the state of the caller's own second factor, without its secret."""
    factor = find_second_factor(session, caller.id)
    unused = select(func.count()).where(RecoveryCode.account_id == caller.id, RecoveryCode.used_at.is_(None))
    return {
        "state": "none" if factor is None else "confirmed" if factor.confirmed_at else "offered",
        "confirmed_at": factor.confirmed_at if factor else None,
        "recovery_codes_left": session.scalar(unused) or 0,
        "is_given": caller.gave_second_factor,
        "is_needed": caller.needs_second_factor,
    }
