"""Delivery of an accepted match: send, receive, close or cancel it.

Each side records its own acts only, so that neither side alone finishes a match as delivered.
"""

from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from chassis.data.database import now
from chassis.http.auth import Caller
from chassis.messaging import outbox
from matching.book.actions import change_state, record_movement
from matching.book.events import match_closed, match_received, match_sent
from matching.book.lock import lock_for_action
from matching.book.model import Match
from matching.book.problems import more_than_promised, more_than_sent
from matching.book.release import release_part, release_quantities
from matching.book.rules import DISPUTED_WITHIN
from matching.matches.rules import find_cancellation_problem, find_outcome, find_receipt_problem, split, split_cancelled
from matching.reliability import actions as reliability

CLOSED_AT_ONCE = 500
# Receipts of before this release: their time counts from the receipt too.
_SET_MISSING = text(
    """
    UPDATE matches SET close_at = received.at + CAST(:days AS interval) FROM movements AS received WHERE matches.id IN (
        SELECT id FROM matches WHERE state = 'received' AND close_at IS NULL LIMIT :limit FOR UPDATE SKIP LOCKED
    ) AND received.match_id = matches.id AND received.kind = 'received'
    """
)


def send_match(
    session: Session,
    caller: Caller,
    match_id: UUID,
    carrier: str = "in_person",
    tracking_number: str | None = None,
    quantity: int | None = None,
) -> Match:
    """Record that the giver sent the promised units, or fewer; the rest is free again, but not for this pair."""
    match = lock_for_action(session, caller, match_id, "send_match", with_book=quantity is not None)
    sent, left = split(match.moved("promised"), quantity, more_than_promised)
    change_state(match, "sent")
    record_movement(match, "sent", sent, caller.id, carrier=carrier, tracking_number=tracking_number)
    if left:
        match.barred = True
        record_movement(match, "returned", left, caller.id)
    session.flush()
    if left:
        release_part(session, match, left)
    outbox.add(session, match_sent(match))
    return match


def receive_match(session: Session, caller: Caller, match_id: UUID, quantity: int | None = None, reason: str | None = None) -> Match:
    """Record how much arrived, and why it is less than was sent."""
    match = lock_for_action(session, caller, match_id, "receive_match", with_book=quantity is not None)
    note_receipt(session, match, quantity, reason, caller.id, None)
    return match


def note_receipt(session: Session, match: Match, quantity: int | None, reason: str | None, by: UUID | None, slip_id: UUID | None) -> None:
    """Record a receipt. Missing units go back to the need, not to the pledge."""
    received, missing = split(match.moved("sent"), quantity, more_than_sent)
    if problem := find_receipt_problem(missing, reason):
        raise problem
    change_state(match, "received")
    match.close_at = now() + DISPUTED_WITHIN
    record_movement(match, "received", received, by, slip_id=slip_id, reason=reason)
    session.flush()
    if missing:
        release_quantities(session, "need", {match.need_id: missing})
    reliability.record_events(session, [match.id])
    outbox.add(session, match_received(match))


def close_match(session: Session, caller: Caller, match_id: UUID) -> Match:
    """Close a match that both sides have acted on; its figures decide the outcome. The household's side agrees by that."""
    match = lock_for_action(session, caller, match_id, "close_match")
    _close(session, match, caller.id, find_outcome(match.moved("promised"), match.moved("received")))
    return match


def close_received_matches(session: Session) -> int:
    """Close the received matches whose time to dispute is over; return their number. One under dispute waits for its settlement."""
    session.execute(_SET_MISSING, {"days": DISPUTED_WITHIN, "limit": CLOSED_AT_ONCE})
    over = select(Match).where(Match.state == "received", Match.close_at <= now(), Match.dispute.is_distinct_from("open"))
    locked = over.order_by(Match.close_at).limit(CLOSED_AT_ONCE).with_for_update(skip_locked=True)
    matches = session.scalars(locked, execution_options={"populate_existing": True}).all()
    for match in matches:
        _close(session, match, None, find_outcome(match.moved("promised"), match.moved("received")))
    return len(matches)


def cancel_match(session: Session, caller: Caller, match_id: UUID, reason: str) -> Match:
    """Cancel a match. Unsent units go back to the pledge; missing ones to the need, unless the need itself is over."""
    match = lock_for_action(session, caller, match_id, "cancel_match", with_book=True)
    if problem := find_cancellation_problem(caller, match, reason):
        raise problem
    unsent, needed_again = split_cancelled(match.moved("promised"), match.moved("returned"), match.moved("sent"), reason)
    match.barred = True
    _close(session, match, caller.id, reason, returned=unsent)
    reliability.record_events(session, [match.id])
    if unsent:
        release_quantities(session, "pledge", {match.pledge_id: unsent})
    if needed_again:
        release_quantities(session, "need", {match.need_id: needed_again})
    return match


def _close(session: Session, match: Match, by: UUID | None, because: str, returned: int = 0) -> None:
    change_state(match, "closed")
    match.ended_because, match.closed_at, match.closed_by = because, now(), by
    if returned:
        record_movement(match, "returned", returned, by)
    session.flush()
    outbox.add(session, match_closed(match))
