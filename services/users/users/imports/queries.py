"""Queries of saved mappings. SQL decides which rows their caller may see."""

from typing import Any
from uuid import UUID

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from chassis.http.auth import Caller
from chassis.http.pagination import page
from chassis.problems import not_found
from users.imports.model import ImportMapping


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
