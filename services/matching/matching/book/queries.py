"""Queries for matches: one or many, visible to their two sides and to the administrators of the region."""

from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, case, func, or_, select
from sqlalchemy.orm import Session, selectinload

from chassis.data.database import below
from chassis.data.k_anonymity import find_public_townships, township_query
from chassis.http.auth import Caller
from chassis.http.pagination import page
from chassis.problems import not_found
from matching.book.model import Match, Movement

_TOWNSHIPS = township_query("needs", "NOT ended AND NOT of_institution")
WITH_TRACKING_NUMBERS = selectinload(Match.movements).undefer(Movement.tracking_number)


def find_townships(session: Session, regions: Collection[str]) -> set[str]:
    """Find the townships of these regions in which enough households have published needs, so that the public may see the township."""
    return find_public_townships(session, _TOWNSHIPS, regions)


def is_own_match(caller: Caller) -> ColumnElement[bool]:
    """SQL condition: the caller is the pledger, the household, or the poster who still manages the region."""
    posted = and_(Match.poster_id == caller.id, caller.within_managed(Match.region))
    return or_(Match.pledger_id == caller.id, Match.account_id == caller.id, posted)


def get_visible_match(session: Session, caller: Caller, match_id: UUID) -> Match:
    """Get a match that the caller may see; a household without an account acts on its own by SMS. Raises `not_found`."""
    answers_by_sms = and_(Match.account_id.is_(None), Match.household_id == caller.id)
    visible = or_(is_own_match(caller), answers_by_sms, caller.within(Match.region))
    query = select(Match).options(WITH_TRACKING_NUMBERS).where(Match.id == match_id, visible)
    match: Match | None = session.scalars(query).first()
    if match is None:
        raise not_found()
    return match


def list_own_matches(
    session: Session, caller: Caller, state: str | None = None, need_id: UUID | None = None, **paging: Any
) -> dict[str, Any]:
    """List one page of the matches on whose sides the caller stands."""
    query = select(Match).options(WITH_TRACKING_NUMBERS).where(is_own_match(caller))
    return page(session, _narrow(query, state, need_id), Match.id, **paging)


def list_own_claims(session: Session, caller: Caller, need_id: UUID | None = None, **paging: Any) -> dict[str, Any]:
    """List one page of the matches whose need the caller chose. A claim is answered when it is proposed."""
    query = select(Match).options(WITH_TRACKING_NUMBERS).where(Match.pledger_id == caller.id, Match.answer_by == Match.proposed_at)
    return page(session, _narrow(query, None, need_id), Match.id, **paging)


def list_managed_matches(
    session: Session, caller: Caller, region: str = "", state: str | None = None, need_id: UUID | None = None, **paging: Any
) -> dict[str, Any]:
    """List one page of the matches in the regions that the caller manages or audits."""
    query = select(Match).options(WITH_TRACKING_NUMBERS).where(caller.within(Match.region))
    if region:
        query = query.where(below(Match.region, region))
    return page(session, _narrow(query, state, need_id), Match.id, **paging)


def _narrow(query: Select[Match], state: str | None, need_id: UUID | None) -> Select[Match]:
    query = query.where(Match.state == state) if state else query
    return query.where(Match.need_id == need_id) if need_id else query


def find_matches(session: Session, state: str, condition: ColumnElement[bool], *, locked: bool = False) -> Sequence[Match]:
    """Find the matches in this state by a condition, in the order of their ids; `locked` locks them too."""
    query = select(Match).where(Match.state == state, condition).order_by(Match.id)
    return session.scalars(query.with_for_update() if locked else query, execution_options={"populate_existing": True}).all()


def sum_promised(session: Session, pledge_id: UUID) -> int:
    """Sum the quantities of a pledge that were promised and not returned."""
    kept = case((Movement.kind == "promised", Movement.quantity), (Movement.kind == "returned", -Movement.quantity), else_=0)
    total = select(func.coalesce(func.sum(kept), 0)).join(Match, Match.id == Movement.match_id).where(Match.pledge_id == pledge_id)
    return int(session.scalar(total) or 0)
