"""Open, answer, raise and settle disputes; deadlines move on those that nobody acted on."""

from datetime import timedelta
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from chassis.data.database import now
from chassis.http import versions
from chassis.http.auth import Caller
from chassis.messaging import outbox
from matching.book.lock import lock_for_action
from matching.book.model import Match
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
        match=match, side=side_of(caller, match), cause=cause, text=text, state="open", outcome=None, version=1,
        opened_by=caller.id, opened_at=at, due_at=at + ANSWERED_WITHIN, answer=None, ruling=None, answered_by=None, answered_at=None,
        raised_at=None, reminded_at=None,
    )  # fmt: skip
    session.add(dispute)
    session.flush()
    reliability.update_suspensions_of_match(session, match.id)
    outbox.add(session, dispute_opened(dispute))
    return dispute


def answer_dispute(session: Session, caller: Caller, dispute_id: UUID, outcome: str, answer: str) -> Dispute:
    """Record the findings of the place. They stand unless a side raises the dispute in time."""
    dispute = _lock_for_action(session, caller, dispute_id, "answer_dispute")
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


def settle_dispute(session: Session, caller: Caller, dispute_id: UUID, outcome: str, ruling: str) -> Dispute:
    """Settle a raised dispute with the ruling of the county, which is final."""
    dispute = _lock_for_action(session, caller, dispute_id, "settle_dispute")
    dispute.outcome, dispute.ruling, dispute.settled_by = outcome, ruling, caller.id
    _settle(session, dispute)
    return dispute


def apply_deadlines(session: Session) -> int:
    """Raise unanswered disputes and settle answered ones whose time is over; returns how many moved on."""
    due = select(Dispute.id).join(Dispute.match).where(Dispute.state.in_(("open", "answered")), Dispute.due_at <= now())
    ids = session.scalars(due.order_by(Dispute.due_at).limit(AT_ONCE).with_for_update(of=Match, skip_locked=True)).all()
    moved = 0
    for dispute_id in ids:
        dispute = _lock(session, dispute_id)
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
    """Lock the match, then its dispute: the order in which opening one locks them."""
    dispute = session.get_one(Dispute, dispute_id)
    session.get_one(Match, dispute.match_id, with_for_update=True, populate_existing=True)
    session.refresh(dispute, with_for_update=True)
    return dispute


def _raise(session: Session, dispute: Dispute) -> None:
    dispute.state, dispute.raised_at, dispute.due_at, dispute.version = "raised", now(), None, dispute.version + 1
    session.flush()
    outbox.add(session, dispute_raised(dispute))


def _settle(session: Session, dispute: Dispute) -> None:
    dispute.state, dispute.settled_at, dispute.due_at, dispute.version = "settled", now(), None, dispute.version + 1
    dispute.match.dispute, dispute.match.version = "settled", dispute.match.version + 1
    session.flush()
    reliability.update_suspensions_of_match(session, dispute.match_id)
    outbox.add(session, dispute_settled(dispute))
