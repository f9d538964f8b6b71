"""Queries of the history of needs, and of silent villages."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from chassis.data.database import below, now
from chassis.http.auth import Caller
from chassis.http.pagination import page
from chassis.problems import not_found
from needs.life import rules
from needs.life.model import Change, Village
from needs.model import Need
from needs.rules import view_of

MOST_CHANGES = 200


def get_own_need(session: Session, caller: Caller, need_id: UUID) -> Need:
    """Get a need of the caller's side, or of a region that they manage or audit. Raises `not_found` for any other."""
    need = session.get(Need, need_id)
    if need is None or view_of(caller, need) == "public":
        raise not_found()
    return need


def list_changes(session: Session, need: Need) -> Sequence[Change]:
    """List the changes of a need, the newest first."""
    query = select(Change).where(Change.need_id == need.id).order_by(Change.version.desc(), Change.id.desc())
    return session.scalars(query.limit(MOST_CHANGES)).all()


def list_silent_villages(session: Session, caller: Caller, region: str = "", **paging: Any) -> dict[str, Any]:
    """Read a page of the silent villages of the caller's regions. A village that has posted since its last check is not silent."""
    has_posted = exists().where(Need.region == Village.region, Need.posted_at > now() - rules.SILENT_AFTER)
    query = select(Village).where(Village.silent_since.is_not(None), caller.within(Village.region), ~has_posted)
    return page(session, query.where(below(Village.region, region)) if region else query, Village.id, **paging)
