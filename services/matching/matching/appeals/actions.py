"""Appeal against reliability events, and decide appeals."""

from uuid import UUID

from sqlalchemy.orm import Session

from chassis.data.database import now
from chassis.http import versions
from chassis.http.auth import Caller
from chassis.messaging import outbox
from matching.appeals import rules
from matching.appeals.events import appeal_decided, appeal_lodged
from matching.appeals.model import Appeal, ReliabilityEvent
from matching.appeals.queries import get_own_event, get_visible_appeal
from matching.reliability import actions as reliability


def appeal_mark(session: Session, caller: Caller, event_id: UUID, text: str) -> Appeal:
    """Lodge an appeal against a reliability event about the caller, once."""
    get_own_event(session, caller, event_id)
    event = session.get_one(ReliabilityEvent, event_id, with_for_update=True, populate_existing=True)
    versions.check_if_match(session, event)
    if problem := rules.find_lodging_problem(caller, event):
        raise problem
    event.version += 1
    appeal = Appeal(version=1, event=event, person_id=caller.id, text=text, state="waiting", answer=None, lodged_at=now())
    session.add(appeal)
    session.flush()
    reliability.update_suspensions(session, [event.id])
    session.refresh(event)
    outbox.add(session, appeal_lodged(appeal))
    return appeal


def decide_appeal(session: Session, caller: Caller, appeal_id: UUID, outcome: str, answer: str) -> Appeal:
    """Decide an appeal with an answer: `upheld` voids the event, `dismissed` keeps it."""
    get_visible_appeal(session, caller, appeal_id)
    appeal = session.get_one(Appeal, appeal_id, with_for_update=True, populate_existing=True)
    versions.check_if_match(session, appeal)
    if problem := rules.find_decision_problem(caller, appeal):
        raise problem
    appeal.state, appeal.answer, appeal.version = outcome, answer, appeal.version + 1
    appeal.decided_by, appeal.decided_at = caller.id, now()
    session.flush()
    if outcome == "upheld":
        reliability.void_event(session, appeal.mark_id)
    reliability.update_suspensions(session, [appeal.mark_id])
    session.refresh(appeal.event)
    outbox.add(session, appeal_decided(appeal))
    return appeal
