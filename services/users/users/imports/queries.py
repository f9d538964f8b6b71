"""Queries of imports and saved mappings. SQL decides which rows their caller may see."""

from typing import Any
from uuid import UUID

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from chassis.http.auth import Caller
from chassis.http.pagination import page
from chassis.problems import not_found
from users.imports.model import Import, ImportMapping
from users.imports.rules import WORKING


def list_imports(session: Session, caller: Caller, **paging: Any) -> dict[str, Any]:
    """Read a page of the imports of the caller's regions, newest first."""
    return page(session, select(Import).where(caller.within(Import.region)), Import.id, **paging)


def get_import(session: Session, caller: Caller, import_id: UUID, *, lock: bool = False) -> Import:
    """Get an import of the caller's regions, locked on request. Raises `not_found`."""
    query = select(Import).where(Import.id == import_id, caller.within(Import.region))
    found = session.scalars(query.with_for_update() if lock else query).first()
    if found is None:
        raise not_found()
    return found


def count_working(session: Session, account_id: UUID) -> int:
    """Count the imports of a person that wait or run."""
    mine = or_(Import.created_by == account_id, Import.confirmed_by == account_id)
    return session.scalar(select(func.count()).where(Import.state.in_(WORKING), mine)) or 0


def find_due(session: Session) -> list[UUID]:
    """Find the imports to work on, the oldest first."""
    return list(session.scalars(select(Import.id).where(Import.state.in_(WORKING)).order_by(Import.id).limit(20)))


def list_mappings(session: Session, caller: Caller, kind: str | None = None, **paging: Any) -> dict[str, Any]:
    """Read a page of the saved mappings that tables of the caller's regions may use: those of their regions and of regions around them."""
    around = {region[:length] for region in caller.regions for length in range(len(region))}
    visible = or_(caller.within(ImportMapping.region), ImportMapping.region.in_(around))
    query = select(ImportMapping).where(visible, ImportMapping.removed_at.is_(None), *([ImportMapping.kind == kind] if kind else []))
    return page(session, query, ImportMapping.id, **paging)


def get_mapping(session: Session, caller: Caller, mapping_id: UUID, *, lock: bool = False) -> ImportMapping:
    """Get a saved mapping that the caller may use. Locked for an act, it may be removed already. Raises `not_found`."""
    found = session.get(ImportMapping, mapping_id, with_for_update=lock)
    if (
        found is None
        or (found.removed_at and not lock)
        or not (caller.reads(found.region) or any(one.startswith(found.region) for one in caller.regions))
    ):
        raise not_found()
    return found
