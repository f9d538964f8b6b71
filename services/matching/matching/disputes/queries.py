"""Queries for disputes, visible to both sides of the match and to the administrators of its region."""

from typing import Any
from uuid import UUID

from sqlalchemy import Select, or_, select
from sqlalchemy.orm import Session, contains_eager, undefer

from chassis.data.database import below, now
from chassis.http.auth import Caller
from chassis.http.pagination import page
from chassis.problems import not_found
from matching.book.model import WITH_SLIPS, Match
from matching.book.queries import get_visible_match, is_own_match
from matching.disputes.model import SETTLED_WITHIN, Dispute

UNSETTLED = ("open", "answered", "raised")


def get_visible_dispute(session: Session, caller: Caller, dispute_id: UUID) -> Dispute:
    """Get a dispute that the caller may see. Raises `not_found`."""
    return _one(session, _whole().where(Dispute.id == dispute_id, or_(is_own_match(caller), caller.within(Match.region))))


def get_dispute_of_match(session: Session, caller: Caller, match_id: UUID) -> Dispute:
    """Get the dispute of a match that the caller may see. Raises `not_found`."""
    get_visible_match(session, caller, match_id)
    return _one(session, _whole().where(Dispute.match_id == match_id))


def list_own_disputes(session: Session, caller: Caller, **paging: Any) -> dict[str, Any]:
    """List one page of the disputes of the caller's own matches."""
    return page(session, _whole().where(is_own_match(caller)), Dispute.id, **paging)


def list_managed_disputes(
    session: Session, caller: Caller, region: str = "", state: str | None = None, overdue: bool = False, **paging: Any
) -> dict[str, Any]:
    """List one page of the disputes in the regions that the caller manages.

    Without a state it lists all unsettled ones; `overdue` narrows them to those that the county should have settled by now.
    """
    query = _whole().where(caller.within(Match.region), Dispute.state.in_([state] if state else UNSETTLED))
    if overdue:
        query = query.where(Dispute.state == "raised", Dispute.raised_at <= now() - SETTLED_WITHIN)
    return page(session, query.where(below(Match.region, region)) if region else query, Dispute.id, **paging)


def _whole() -> Select[Any]:
    texts = (undefer(Dispute.text), undefer(Dispute.answer), undefer(Dispute.ruling))
    return select(Dispute).join(Dispute.match).options(*texts, contains_eager(Dispute.match).options(WITH_SLIPS))


def _one(session: Session, query: Select[Any]) -> Dispute:
    dispute: Dispute | None = session.scalars(query).first()
    if dispute is None:
        raise not_found()
    return dispute
