"""Queries of organisations. SQL decides which rows their caller may see."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.orm import Session

from chassis.data.database import below
from chassis.http.auth import Caller
from chassis.http.pagination import page
from chassis.problems import not_found
from users.organisations.model import Organisation

IN_STATE: Mapping[str, ColumnElement[bool]] = {
    "waiting": and_(Organisation.verified_at.is_(None), Organisation.ended_at.is_(None)),
    "verified": and_(Organisation.verified_at.is_not(None), Organisation.ended_at.is_(None)),
    "ended": Organisation.ended_at.is_not(None),
}


def list_organisations(session: Session, caller: Caller, region: str = "", state: str = "waiting", **paging: Any) -> dict[str, Any]:
    """Read a page of the organisations in the regions that the caller manages or audits, newest accounts first."""
    query = select(Organisation).where(caller.within(Organisation.region), below(Organisation.region, region), IN_STATE[state])
    return page(session, query, Organisation.id, **paging)


def get_organisation(session: Session, caller: Caller, account_id: UUID, *, lock: bool = False) -> Organisation:
    """Get an organisation in the caller's regions, or the caller's own; locked on request. Raises `not_found`."""
    visible = or_(caller.within(Organisation.region), Organisation.id == caller.id)
    query = select(Organisation).where(Organisation.id == account_id, visible)
    found = session.scalars(query.with_for_update(of=Organisation) if lock else query).first()
    if found is None:
        raise not_found()
    return found
