"""What matching can be asked: matches, seen by their two sides and the administrators of the region."""

from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.orm import Session, selectinload

from chassis.data.database import below
from chassis.http.auth import Caller
from chassis.http.pagination import page
from chassis.problems import not_found
from matching.book.model import Match, Movement

_WHOLE = selectinload(Match.movements).undefer(Movement.tracking_number)


def is_own_match(caller: Caller) -> ColumnElement[bool]:
    """SQL condition: the caller is the pledger, the household, or who posted for it and still manages the region."""
    return or_(
        Match.pledger_id == caller.id, Match.account_id == caller.id, and_(Match.poster_id == caller.id, caller.within(Match.region))
    )


def find_visible_match(session: Session, caller: Caller, match_id: UUID) -> Match:
    return _one(session, select(Match).options(_WHOLE).where(Match.id == match_id, or_(is_own_match(caller), caller.within(Match.region))))


def list_own_matches(session: Session, caller: Caller, state: str | None = None, **paging: Any) -> dict[str, Any]:
    query = select(Match).options(_WHOLE).where(is_own_match(caller))
    return page(session, query.where(Match.state == state) if state else query, Match.id, **paging)


def list_managed_matches(session: Session, caller: Caller, region: str = "", state: str | None = None, **paging: Any) -> dict[str, Any]:
    query = select(Match).options(_WHOLE).where(caller.within(Match.region))
    if region:
        query = query.where(below(Match.region, region))
    return page(session, query.where(Match.state == state) if state else query, Match.id, **paging)


def _one(session: Session, query: Any) -> Match:
    match: Match | None = session.scalars(query).first()
    if match is None:
        raise not_found()
    return match
