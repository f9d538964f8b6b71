"""Appeals: who finds a mark against them wrong says so, the county decides, and a mark that was wrong counts no more."""

from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, false, or_, select
from sqlalchemy.orm import Session, contains_eager, undefer

from chassis.data.database import below, now
from chassis.http import versions
from chassis.http.auth import Caller
from chassis.http.pagination import page
from chassis.messaging import outbox
from chassis.problems import not_found
from matching.appeals import rules
from matching.appeals.events import appeal_decided, appeal_lodged
from matching.appeals.model import Appeal, ReliabilityEvent
from matching.book.model import WITH_SLIPS, Match
from matching.book.rules import COUNTY_DIGITS
from matching.reliability import actions as reliability


def list_own_events(session: Session, caller: Caller, **paging: Any) -> dict[str, Any]:
    """What matches say for and against the caller, newest first."""
    return page(session, select(ReliabilityEvent).where(ReliabilityEvent.person_id == caller.id), ReliabilityEvent.id, **paging)


def find_own_event(session: Session, caller: Caller, event_id: UUID) -> ReliabilityEvent:
    event = session.scalar(select(ReliabilityEvent).where(ReliabilityEvent.id == event_id, ReliabilityEvent.person_id == caller.id))
    if event is None:
        raise not_found()
    return event


def appeal_mark(session: Session, caller: Caller, mark_id: UUID, text: str) -> Appeal:
    """Say why a mark against oneself is wrong; once."""
    find_own_event(session, caller, mark_id)
    event = session.get_one(ReliabilityEvent, mark_id, with_for_update=True, populate_existing=True)
    versions.check_if_match(session, event)
    if refusal := rules.find_lodging_problem(caller, event):
        raise refusal
    event.version += 1
    appeal = Appeal(version=1, event=event, person_id=caller.id, text=text, state="waiting", answer=None, lodged_at=now())
    session.add(appeal)
    session.flush()
    outbox.add(session, appeal_lodged(appeal))
    return appeal


def decide_appeal(session: Session, caller: Caller, appeal_id: UUID, outcome: str, answer: str) -> Appeal:
    """`upheld`: the mark is taken back; `dismissed`: it stays. Either way with an answer."""
    find_visible_appeal(session, caller, appeal_id)
    appeal = session.get_one(Appeal, appeal_id, with_for_update=True, populate_existing=True)
    versions.check_if_match(session, appeal)
    if refusal := rules.find_decision_problem(caller, appeal):
        raise refusal
    appeal.state, appeal.answer, appeal.version = outcome, answer, appeal.version + 1
    appeal.decided_by, appeal.decided_at = caller.id, now()
    session.flush()
    if outcome == "upheld":
        reliability.void_event(session, appeal.mark_id)
        session.refresh(appeal.event)
    outbox.add(session, appeal_decided(appeal))
    return appeal


def find_visible_appeal(session: Session, caller: Caller, appeal_id: UUID) -> Appeal:
    """For who lodged it and the county."""
    query = _whole().where(Appeal.id == appeal_id, or_(Appeal.person_id == caller.id, _of_county(caller)))
    appeal: Appeal | None = session.scalars(query).first()
    if appeal is None:
        raise not_found()
    return appeal


def list_own_appeals(session: Session, caller: Caller, **paging: Any) -> dict[str, Any]:
    return page(session, _whole().where(Appeal.person_id == caller.id), Appeal.id, **paging)


def list_managed_appeals(session: Session, caller: Caller, region: str = "", state: str | None = None, **paging: Any) -> dict[str, Any]:
    query = _whole().where(_of_county(caller))
    query = query.where(below(Match.region, region)) if region else query
    return page(session, query.where(Appeal.state == state) if state else query, Appeal.id, **paging)


def _whole() -> Select[Any]:
    event = contains_eager(Appeal.event)
    loaded = (event.contains_eager(ReliabilityEvent.match).options(WITH_SLIPS), event.selectinload(ReliabilityEvent.ratings))
    return select(Appeal).join(Appeal.event).join(ReliabilityEvent.match).options(undefer(Appeal.text), undefer(Appeal.answer), *loaded)


def _of_county(caller: Caller) -> ColumnElement[bool]:
    return or_(false(), *(below(Match.region, region) for region in caller.regions if len(region) <= COUNTY_DIGITS))
