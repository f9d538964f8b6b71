"""Open, answer, raise and settle disputes; deadlines move on those that nobody acted on."""

from datetime import timedelta
from typing import cast
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from chassis.data.database import now
from chassis.http import versions
from chassis.http.auth import Caller
from chassis.messaging import outbox
from matching.book.actions import record_movement
from matching.book.events import match_corrected
from matching.book.lock import lock_for_action, lock_pledges_and_needs
from matching.book.model import Match
from matching.book.release import release_quantities
from matching.book.rules import side_of
from matching.disputes import rules
from matching.disputes.events import dispute_answered, dispute_opened, dispute_raised, dispute_settled
from matching.disputes.model import Dispute
from matching.disputes.queries import get_visible_dispute
from matching.reliability import actions as reliability

ANSWERED_WITHIN = timedelta(days=7)
RAISED_WITHIN = timedelta(days=7)
AT_ONCE = 100


def dispute_match(session: Session, caller: Caller, match_id: UUID, cause: str, text: str) -> Dispute:
    """Open a dispute for one side of a match. The match cannot be closed until it is settled."""
    match = lock_for_action(session, caller, match_id, "dispute_match", rule=rules.find_opening_problem)
    match.dispute, match.version = "open", match.version + 1
    at = now()
    dispute = Dispute(
        match=match, side=side_of(caller, match), cause=cause, text=text, state="open", outcome=None, received=None, version=1,
        opened_by=caller.id, opened_at=at, due_at=at + ANSWERED_WITHIN, answer=None, ruling=None, answered_by=None, answered_at=None,
        raised_at=None, reminded_at=None,
    )  # fmt: skip
    session.add(dispute)
    session.flush()
    reliability.update_suspensions_of_match(session, match.id)
    outbox.add(session, dispute_opened(dispute))
    return dispute


def answer_dispute(session: Session, caller: Caller, dispute_id: UUID, outcome: str, answer: str, received: int | None = None) -> Dispute:
    """Record the findings of the place. They stand unless a side raises the dispute in time."""
    dispute = _lock_for_action(session, caller, dispute_id, "answer_dispute")
    dispute.received = _find_received(dispute, outcome, received)
    dispute.state, dispute.outcome, dispute.answer, dispute.version = "answered", outcome, answer, dispute.version + 1
    dispute.answered_by, dispute.answered_at, dispute.answered_as = caller.id, now(), outcome
    dispute.due_at = now() + RAISED_WITHIN
    session.flush()
    outbox.add(session, dispute_answered(dispute))
    return dispute


def raise_dispute(session: Session, caller: Caller, dispute_id: UUID) -> Dispute:
    """Raise an answered dispute to the county, for a side that does not accept the answer."""
    dispute = _lock_for_action(session, caller, dispute_id, "raise_dispute")
    dispute.raised_by = caller.id
    _raise(session, dispute)
    return dispute


def settle_dispute(session: Session, caller: Caller, dispute_id: UUID, outcome: str, ruling: str, received: int | None = None) -> Dispute:
    """Settle a raised dispute with the ruling of the county, which is final."""
    dispute = _lock_for_action(session, caller, dispute_id, "settle_dispute")
    dispute.received = _find_received(dispute, outcome, received)
    dispute.outcome, dispute.ruling, dispute.settled_by = outcome, ruling, caller.id
    _settle(session, dispute)
    return dispute


def apply_deadlines(session: Session) -> int:
    """Raise unanswered disputes and settle answered ones whose time is over; returns how many moved on."""
    due = select(Match).join(Dispute, Dispute.match_id == Match.id).where(Dispute.state.in_(("open", "answered")), Dispute.due_at <= now())
    matches = session.scalars(due.order_by(Dispute.due_at).limit(AT_ONCE)).all()
    lock_pledges_and_needs(session, matches)
    of_matches = select(Dispute).where(Dispute.match_id.in_([match.id for match in matches])).order_by(Dispute.match_id)
    moved = 0
    for dispute in session.scalars(of_matches).all():
        _lock_match_and_dispute(session, dispute)
        if dispute.due_at is None or dispute.due_at > now():
            continue
        moved += 1
        if dispute.state == "open":
            _raise(session, dispute)
        else:
            _settle(session, dispute)
    return moved


def _lock_for_action(session: Session, caller: Caller, dispute_id: UUID, act: str) -> Dispute:
    get_visible_dispute(session, caller, dispute_id)
    dispute = _lock(session, dispute_id)
    versions.check_if_match(session, dispute)
    if problem := rules.find_dispute_problem(act, caller, dispute):
        raise problem
    return dispute


def _lock(session: Session, dispute_id: UUID) -> Dispute:
    """Lock the need and pledge of a dispute, then its match, then itself: a settlement may free units of the need."""
    dispute = session.get_one(Dispute, dispute_id)
    lock_pledges_and_needs(session, [dispute.match])
    _lock_match_and_dispute(session, dispute)
    return dispute


def _lock_match_and_dispute(session: Session, dispute: Dispute) -> None:
    """Lock the match, then its dispute, the order in which opening one locks them; and read both again."""
    session.get_one(Match, dispute.match_id, with_for_update=True, populate_existing=True)
    session.refresh(dispute, with_for_update=True)


def _find_received(dispute: Dispute, outcome: str, stated: int | None) -> int | None:
    received, problem = rules.find_finding(dispute, outcome, stated)
    if problem:
        raise problem
    return received


def _raise(session: Session, dispute: Dispute) -> None:
    dispute.state, dispute.raised_at, dispute.due_at, dispute.version = "raised", now(), None, dispute.version + 1
    session.flush()
    outbox.add(session, dispute_raised(dispute))


def _settle(session: Session, dispute: Dispute) -> None:
    match = dispute.match
    dispute.state, dispute.settled_at, dispute.due_at, dispute.version = "settled", now(), None, dispute.version + 1
    match.dispute, match.version = "settled", match.version + 1
    corrects = dispute.received is not None and match.state == "received" and dispute.received < match.moved("received")
    if corrects:
        _correct(session, match, cast("int", dispute.received))
    session.flush()
    reliability.update_suspensions_of_match(session, dispute.match_id)
    outbox.add(session, dispute_settled(dispute), *([match_corrected(match)] if corrects else []))


def _correct(session: Session, match: Match, received: int) -> None:
    """Correct a receipt to what had arrived. The missing units go back to the need, and the match's events are judged by the new figure."""
    missing = match.moved("received") - received
    record_movement(match, "corrected", received, None)
    session.flush()
    release_quantities(session, "need", {match.need_id: missing})
    reliability.amend_events(session, match.id)
