"""Queries for reliability events and appeals, visible to their person and to the county."""

from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, false, or_, select
from sqlalchemy.orm import Session, contains_eager, undefer

from chassis.data.database import below
from chassis.http.auth import Caller
from chassis.http.pagination import page
from chassis.problems import not_found
from matching.appeals.model import Appeal, ReliabilityEvent
from matching.book.model import WITH_SLIPS, Match
from matching.book.rules import COUNTY_DIGITS


def list_own_events(session: Session, caller: Caller, **paging: Any) -> dict[str, Any]:
    """List one page of the reliability events about the caller, newest first."""
    return page(session, select(ReliabilityEvent).where(ReliabilityEvent.person_id == caller.id), ReliabilityEvent.id, **paging)


def get_own_event(session: Session, caller: Caller, event_id: UUID) -> ReliabilityEvent:
    """Get a reliability event about the caller. Raises `not_found`."""
    event = session.scalar(select(ReliabilityEvent).where(ReliabilityEvent.id == event_id, ReliabilityEvent.person_id == caller.id))
    if event is None:
        raise not_found()
    return event


def get_visible_appeal(session: Session, caller: Caller, appeal_id: UUID) -> Appeal:
    """Get an appeal that the caller lodged or the caller's county decides. Raises `not_found`."""
    query = _whole().where(Appeal.id == appeal_id, or_(Appeal.person_id == caller.id, _is_in_county_of(caller)))
    appeal: Appeal | None = session.scalars(query).first()
    if appeal is None:
        raise not_found()
    return appeal


def list_own_appeals(session: Session, caller: Caller, **paging: Any) -> dict[str, Any]:
    """List one page of the appeals that the caller lodged."""
    return page(session, _whole().where(Appeal.person_id == caller.id), Appeal.id, **paging)


def list_managed_appeals(session: Session, caller: Caller, region: str = "", state: str | None = None, **paging: Any) -> dict[str, Any]:
    """List one page of the appeals in the counties that the caller manages."""
    query = _whole().where(_is_in_county_of(caller))
    query = query.where(below(Match.region, region)) if region else query
    return page(session, query.where(Appeal.state == state) if state else query, Appeal.id, **paging)


def _whole() -> Select[Any]:
    event = contains_eager(Appeal.event)
    loaded = (event.contains_eager(ReliabilityEvent.match).options(WITH_SLIPS), event.selectinload(ReliabilityEvent.ratings))
    return select(Appeal).join(Appeal.event).join(ReliabilityEvent.match).options(undefer(Appeal.text), undefer(Appeal.answer), *loaded)


def _is_in_county_of(caller: Caller) -> ColumnElement[bool]:
    """SQL condition: the caller manages or audits the county of the match, or a region around it."""
    wide = [region for region in (*caller.regions, *caller.audited_regions) if len(region) <= COUNTY_DIGITS]
    return or_(false(), *(below(Match.region, region) for region in wide))
