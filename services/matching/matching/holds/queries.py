"""Queries for holds; a giver sees their own."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from chassis.http.auth import Caller
from chassis.http.pagination import page
from chassis.problems import not_found
from matching.holds.model import Hold
from matching.holds.rules import DAY


def get_own_hold(session: Session, caller: Caller, hold_id: UUID) -> Hold:
    """Get a hold of the caller. Raises `not_found`."""
    hold = session.get(Hold, hold_id)
    if hold is None or hold.giver_id != caller.id:
        raise not_found()
    return hold


def list_own_holds(session: Session, caller: Caller, **paging: Any) -> dict[str, Any]:
    """List one page of the caller's holds, newest first."""
    return page(session, select(Hold).where(Hold.giver_id == caller.id), Hold.id, **paging)


def find_open_hold(session: Session, giver_id: UUID) -> Hold | None:
    """Find the open hold of a giver."""
    query = select(Hold).where(Hold.giver_id == giver_id, Hold.state == "open")
    return session.scalars(query, execution_options={"populate_existing": True}).first()


def count_opened(session: Session, giver_id: UUID, at: datetime) -> tuple[int, datetime | None]:
    """Count the holds that a giver opened within the last day, and find when the first of them was opened."""
    opened = select(func.count(), func.min(Hold.opened_at)).where(Hold.giver_id == giver_id, Hold.opened_at > at - DAY)
    number, oldest = session.execute(opened).one()
    return number, oldest
