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
from matching.appeals.model import Appeal, Mark
from matching.book.model import SLIPS, Match
from matching.book.rules import COUNTY
from matching.reliability import actions as reliability


def own_marks(session: Session, caller: Caller, **paging: Any) -> dict[str, Any]:
    """What matches say for and against the caller, newest first."""
    return page(session, select(Mark).where(Mark.person_id == caller.id), Mark.id, **paging)


def own_mark(session: Session, caller: Caller, mark_id: UUID) -> Mark:
    mark = session.scalar(select(Mark).where(Mark.id == mark_id, Mark.person_id == caller.id))
    if mark is None:
        raise not_found()
    return mark


def appeal_mark(session: Session, caller: Caller, mark_id: UUID, text: str) -> Appeal:
    """Say why a mark against oneself is wrong; once."""
    own_mark(session, caller, mark_id)
    mark = session.get_one(Mark, mark_id, with_for_update=True, populate_existing=True)
    versions.as_seen(session, mark)
    if refusal := rules.mark_refusal(caller, mark):
        raise refusal
    mark.version += 1
    appeal = Appeal(version=1, mark=mark, person_id=caller.id, text=text, state="waiting", answer=None, lodged_at=now())
    session.add(appeal)
    session.flush()
    outbox.add(session, appeal_lodged(appeal))
    return appeal


def decide_appeal(session: Session, caller: Caller, appeal_id: UUID, outcome: str, answer: str) -> Appeal:
    """`upheld`: the mark is taken back; `dismissed`: it stays. Either way with an answer."""
    visible_appeal(session, caller, appeal_id)
    appeal = session.get_one(Appeal, appeal_id, with_for_update=True, populate_existing=True)
    versions.as_seen(session, appeal)
    if refusal := rules.appeal_refusal(caller, appeal):
        raise refusal
    appeal.state, appeal.answer, appeal.version = outcome, answer, appeal.version + 1
    appeal.decided_by, appeal.decided_at = caller.id, now()
    session.flush()
    if outcome == "upheld":
        reliability.take_back(session, appeal.mark_id)
        session.refresh(appeal.mark)
    outbox.add(session, appeal_decided(appeal))
    return appeal


def visible_appeal(session: Session, caller: Caller, appeal_id: UUID) -> Appeal:
    """For who lodged it and the county."""
    query = _whole().where(Appeal.id == appeal_id, or_(Appeal.person_id == caller.id, _of_county(caller)))
    appeal: Appeal | None = session.scalars(query).first()
    if appeal is None:
        raise not_found()
    return appeal


def own_appeals(session: Session, caller: Caller, **paging: Any) -> dict[str, Any]:
    return page(session, _whole().where(Appeal.person_id == caller.id), Appeal.id, **paging)


def managed_appeals(session: Session, caller: Caller, region: str = "", state: str | None = None, **paging: Any) -> dict[str, Any]:
    query = _whole().where(_of_county(caller))
    query = query.where(below(Match.region, region)) if region else query
    return page(session, query.where(Appeal.state == state) if state else query, Appeal.id, **paging)


def _whole() -> Select[Any]:
    mark = contains_eager(Appeal.mark)
    loaded = (mark.contains_eager(Mark.match).options(SLIPS), mark.selectinload(Mark.ratings))
    return select(Appeal).join(Appeal.mark).join(Mark.match).options(undefer(Appeal.text), undefer(Appeal.answer), *loaded)


def _of_county(caller: Caller) -> ColumnElement[bool]:
    return or_(false(), *(below(Match.region, region) for region in caller.regions if len(region) <= COUNTY))
