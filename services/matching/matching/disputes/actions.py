"""How a dispute goes: opened by a side, answered in the place, raised to the county, settled; by itself when nobody does anything."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Select, or_, select
from sqlalchemy.orm import Session, contains_eager, undefer

from chassis.data.database import below, now
from chassis.http import versions
from chassis.http.auth import Caller
from chassis.http.pagination import page
from chassis.messaging import outbox
from chassis.problems import not_found
from matching.book import queries
from matching.book.lock import lock_for_action
from matching.book.model import WITH_SLIPS, Match
from matching.book.rules import side_of
from matching.disputes import rules
from matching.disputes.events import dispute_answered, dispute_opened, dispute_raised, dispute_settled
from matching.disputes.model import SETTLED_WITHIN, Dispute

ANSWERED_WITHIN = timedelta(days=7)
RAISED_WITHIN = timedelta(days=7)
AT_ONCE = 100
OPEN = ("open", "answered", "raised")


def dispute_match(session: Session, caller: Caller, match_id: UUID, cause: str, text: str) -> Dispute:
    """One side says what is not as the other says. Until it is settled, the match is not closed."""
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
    outbox.add(session, dispute_opened(dispute))
    return dispute


def answer_dispute(session: Session, caller: Caller, dispute_id: UUID, outcome: str, answer: str) -> Dispute:
    """The place says what it found. It stands when neither side takes it on in time."""
    dispute = _take(session, caller, dispute_id, "answer_dispute")
    dispute.state, dispute.outcome, dispute.answer, dispute.version = "answered", outcome, answer, dispute.version + 1
    dispute.answered_by, dispute.answered_at, dispute.answered_as = caller.id, now(), outcome
    dispute.due_at = now() + RAISED_WITHIN
    session.flush()
    outbox.add(session, dispute_answered(dispute))
    return dispute


def raise_dispute(session: Session, caller: Caller, dispute_id: UUID) -> Dispute:
    """Either side is not content with the answer: the county shall settle it."""
    dispute = _take(session, caller, dispute_id, "raise_dispute")
    dispute.raised_by = caller.id
    _raise(session, dispute)
    return dispute


def settle_dispute(session: Session, caller: Caller, dispute_id: UUID, outcome: str, ruling: str) -> Dispute:
    """The county decides; that is the end of it."""
    dispute = _take(session, caller, dispute_id, "settle_dispute")
    dispute.outcome, dispute.ruling, dispute.settled_by = outcome, ruling, caller.id
    _settle(session, dispute)
    return dispute


def apply_deadlines(session: Session) -> int:
    """What nobody answered goes up to the county; what nobody took on is settled as it was answered. Returns how many."""
    due = select(Dispute.id).join(Dispute.match).where(Dispute.state.in_(("open", "answered")), Dispute.due_at <= now())
    ids = session.scalars(due.order_by(Dispute.due_at).limit(AT_ONCE).with_for_update(of=Match, skip_locked=True)).all()
    passed = 0
    for dispute_id in ids:
        dispute = _locked(session, dispute_id)
        if dispute.due_at is None or dispute.due_at > now():
            continue
        passed += 1
        if dispute.state == "open":
            _raise(session, dispute)
        else:
            _settle(session, dispute)
    return passed


def find_visible_dispute(session: Session, caller: Caller, dispute_id: UUID) -> Dispute:
    """For both sides of its match and the administrators around."""
    return _one(session, _whole().where(Dispute.id == dispute_id, or_(queries.is_own_match(caller), caller.within(Match.region))))


def find_dispute_of_match(session: Session, caller: Caller, match_id: UUID) -> Dispute:
    queries.find_visible_match(session, caller, match_id)
    return _one(session, _whole().where(Dispute.match_id == match_id))


def list_own_disputes(session: Session, caller: Caller, **paging: Any) -> dict[str, Any]:
    return page(session, _whole().where(queries.is_own_match(caller)), Dispute.id, **paging)


def list_managed_disputes(
    session: Session, caller: Caller, region: str = "", state: str | None = None, overdue: bool = False, **paging: Any
) -> dict[str, Any]:
    """Those of the regions one manages: all that are not settled, or those in one state; or those that the county lets wait too long."""
    query = _whole().where(caller.within(Match.region), Dispute.state.in_([state] if state else OPEN))
    if overdue:
        query = query.where(Dispute.state == "raised", Dispute.raised_at <= now() - SETTLED_WITHIN)
    return page(session, query.where(below(Match.region, region)) if region else query, Dispute.id, **paging)


def _take(session: Session, caller: Caller, dispute_id: UUID, act: str) -> Dispute:
    find_visible_dispute(session, caller, dispute_id)
    dispute = _locked(session, dispute_id)
    versions.check_if_match(session, dispute)
    if refusal := rules.find_problem(act, caller, dispute):
        raise refusal
    return dispute


def _locked(session: Session, dispute_id: UUID) -> Dispute:
    """The match before its dispute, as opening one does."""
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
    outbox.add(session, dispute_settled(dispute))


def _whole() -> Select[Any]:
    texts = (undefer(Dispute.text), undefer(Dispute.answer), undefer(Dispute.ruling))
    return select(Dispute).join(Dispute.match).options(*texts, contains_eager(Dispute.match).options(WITH_SLIPS))


def _one(session: Session, query: Select[Any]) -> Dispute:
    dispute: Dispute | None = session.scalars(query).first()
    if dispute is None:
        raise not_found()
    return dispute
