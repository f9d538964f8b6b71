"""Queries of notify: callers see their own notices only."""

from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from chassis.http.auth import Caller
from chassis.http.pagination import page
from chassis.problems import not_found
from notify.model import Notice


def list_own_notices(session: Session, caller: Caller, unread: bool = False, **paging: Any) -> dict[str, Any]:
    """List one page of the caller's notices, newest first; the unread ones alone if asked."""
    conditions = unread_conditions(caller) if unread else [Notice.recipient_id == caller.id]
    return page(session, select(Notice).where(*conditions), Notice.id, **paging)


def get_own_notice(session: Session, caller: Caller, notice_id: UUID, to_change: bool = False) -> Notice:
    """Get one notice of the caller. Raises `not_found` for a notice of somebody else."""
    notice = session.get(Notice, notice_id, with_for_update=to_change)
    if notice is None or notice.recipient_id != caller.id:
        raise not_found()
    return notice


def count_unread(session: Session, caller: Caller) -> int:
    """Count the caller's unread notices."""
    return session.scalar(select(func.count()).select_from(Notice).where(*unread_conditions(caller))) or 0


def unread_conditions(caller: Caller) -> list[ColumnElement[bool]]:
    """Conditions that select the caller's unread notices."""
    return [Notice.recipient_id == caller.id, Notice.read_at.is_(None)]
