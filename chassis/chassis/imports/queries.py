"""Queries of imports. SQL decides which rows their caller may see."""

from typing import Any
from uuid import UUID

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from chassis.data.database import now
from chassis.http.auth import Caller
from chassis.http.pagination import page
from chassis.imports.kinds import Imports
from chassis.imports.rules import WORKING
from chassis.problems import not_found


def list_imports(of: Imports, session: Session, caller: Caller, **paging: Any) -> dict[str, Any]:
    """Read a page of the imports of the caller's regions, newest first."""
    return page(session, select(of.imports).where(caller.within(of.imports.region)), of.imports.id, **paging)


def get_import(of: Imports, session: Session, caller: Caller, import_id: UUID, *, lock: bool = False) -> Any:
    """Get an import of the caller's regions, locked on request. Raises `not_found`."""
    query = select(of.imports).where(of.imports.id == import_id, caller.within(of.imports.region))
    found = session.scalars(query.with_for_update() if lock else query).first()
    if found is None:
        raise not_found()
    return found


def count_working(of: Imports, session: Session, account_id: UUID) -> int:
    """Count the imports of a person that wait or run."""
    mine = or_(of.imports.created_by == account_id, of.imports.confirmed_by == account_id)
    return session.scalar(select(func.count()).where(of.imports.state.in_(WORKING), mine)) or 0


def find_due(of: Imports, session: Session) -> list[UUID]:
    """Find the imports to work on, the oldest first. One that was postponed waits for its time."""
    entity = of.imports
    is_due = or_(entity.waits_until.is_(None), entity.waits_until <= now())
    return list(session.scalars(select(entity.id).where(entity.state.in_(WORKING), is_due).order_by(entity.id).limit(20)))
