"""Queries of institutions. SQL decides which rows their caller may see."""

from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from chassis.data.database import below
from chassis.http.auth import Caller
from chassis.http.pagination import page
from chassis.problems import not_found
from users.institutions.model import Institution, InstitutionVersion


def list_institutions(
    session: Session, caller: Caller, region: str = "", kind: str | None = None, ended: bool = False, **paging: Any
) -> dict[str, Any]:
    """Read a page of the institutions in the regions that the caller manages, newest first: standing ones, or those that ended."""
    in_state = Institution.ended_at.is_not(None) if ended else Institution.ended_at.is_(None)
    query = select(Institution).where(caller.within(Institution.region), below(Institution.region, region), in_state)
    return page(session, query.where(Institution.kind == kind) if kind else query, Institution.id, **paging)


def get_institution(session: Session, caller: Caller, institution_id: UUID, *, lock: bool = False) -> Institution:
    """Get an institution in the caller's regions, locked on request. Raises `not_found`."""
    query = select(Institution).where(Institution.id == institution_id, caller.within(Institution.region))
    found = session.scalars(query.with_for_update() if lock else query).first()
    if found is None:
        raise not_found()
    return found


def list_institution_versions(session: Session, caller: Caller, institution_id: UUID, **paging: Any) -> dict[str, Any]:
    """Read a page of the versions of an institution in the caller's regions, newest first. Raises `not_found`."""
    institution = get_institution(session, caller, institution_id)
    query = select(InstitutionVersion).where(InstitutionVersion.institution_id == institution.id)
    return page(session, query, InstitutionVersion.id, **paging)
