"""Queries of a work list on paper: the open lines of one village, the urgent ones first."""

from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from chassis.http.auth import Caller
from chassis.problems import not_allowed
from notify.messages.model import Message
from notify.messages.queries import ListEntry, with_notices
from notify.messages.rules import WORK_LIST

MOST = 200
"""Lines on one work list: what somebody can tell in some days."""


@dataclass(frozen=True)
class WorkList:
    """The open lines of a village, and how many more there are than fit on the list."""

    region: str
    entries: list[ListEntry]
    more: int


def get_work_list(session: Session, caller: Caller, region: str) -> WorkList:
    """Get the open lines of the caller's own village. Raises `not_allowed` for any other region, also one below the caller's."""
    if region not in caller.regions:
        raise not_allowed()
    is_open = (Message.channel == WORK_LIST, Message.settled_at.is_(None), Message.region == region)
    lines = session.scalars(select(Message).where(*is_open).order_by(Message.priority, Message.id).limit(MOST)).all()
    total = session.scalar(select(func.count()).select_from(Message).where(*is_open)) or 0
    return WorkList(region, with_notices(session, list(lines)), total - len(lines))
