"""The sessions of one account."""

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from chassis.data.database import now
from chassis.http.auth import Caller
from chassis.http.pagination import page
from users.sessions.model import SignIn


def list_own_sessions(session: Session, caller: Caller, **paging: Any) -> dict[str, Any]:
    """Return a page of the caller's sessions that have not ended, newest first."""
    own = select(SignIn).where(SignIn.account_id == caller.id, SignIn.ended_at.is_(None), SignIn.expires_at > now())
    return page(session, own, SignIn.session_id, **paging)
