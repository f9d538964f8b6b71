"""Appeals: who finds a mark against them wrong says so, the county decides, and a mark that was wrong counts no more."""

from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, false, or_, select
from sqlalchemy.orm import Session, contains_eager, undefer

from chassis import outbox, versions
from chassis.auth import Caller
from chassis.database import below, now
from chassis.pages import page
from chassis.problems import not_found
from matching.allowed import COUNTY
from matching.model import SLIPS, Match
from matching.trust import allowed, marks
from matching.trust.model import Appeal, Mark
from matching.trust.told import appeal_decided, appeal_lodged


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
    if refusal := allowed.mark_refusal(caller, mark):
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
    if refusal := allowed.appeal_refusal(caller, appeal):
        raise refusal
    appeal.state, appeal.answer, appeal.version = outcome, answer, appeal.version + 1
    appeal.decided_by, appeal.decided_at = caller.id, now()
    session.flush()
    if outcome == "upheld":
        marks.take_back(session, appeal.mark_id)
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
    loaded = contains_eager(Appeal.mark).contains_eager(Mark.match).options(SLIPS)
    return select(Appeal).join(Appeal.mark).join(Mark.match).options(undefer(Appeal.text), undefer(Appeal.answer), loaded)


def _of_county(caller: Caller) -> ColumnElement[bool]:
    return or_(false(), *(below(Match.region, region) for region in caller.regions if len(region) <= COUNTY))
