"""What is promised goes its way: sent by the giver, received by the household's side, closed; or called off.

Each side says only what it did itself, so that nobody alone brings a match to its end as delivered.
"""

from uuid import UUID

from sqlalchemy.orm import Session

from chassis.data.database import now
from chassis.http.auth import Caller
from chassis.messaging import outbox
from matching.book.events import match_closed, match_received, match_sent
from matching.book.lock import change_state, lock_for_action, record_movement
from matching.book.model import Match
from matching.book.problems import more_than_promised, more_than_sent, reason_needed
from matching.book.release import release_quantities
from matching.book.rules import find_cancellation_problem
from matching.reliability import actions

NO_NEED_LEFT = {"household_moved", "need_over"}


def send_match(
    session: Session, caller: Caller, match_id: UUID, carrier: str, tracking_number: str | None = None, quantity: int | None = None
) -> Match:
    """The giver has sent or brought what they promised, or less: what they did not send is free again, not for each other."""
    match = lock_for_action(session, caller, match_id, "send_match", with_book=quantity is not None)
    promised = match.moved("promised")
    quantity = promised if quantity is None else quantity
    if quantity > promised:
        raise more_than_promised()
    change_state(match, "sent")
    record_movement(match, "sent", quantity, caller.id, carrier=carrier, tracking_number=tracking_number)
    left = promised - quantity
    if left:
        match.barred = True
        record_movement(match, "returned", left, caller.id)
    session.flush()
    if left:
        release_quantities(session, "need", {match.need_id: left})
        release_quantities(session, "pledge", {match.pledge_id: left})
    outbox.add(session, match_sent(match))
    return match


def receive_match(session: Session, caller: Caller, match_id: UUID, quantity: int | None = None, reason: str | None = None) -> Match:
    """The household's side says how much arrived, and why it is less than was sent."""
    match = lock_for_action(session, caller, match_id, "receive_match", with_book=quantity is not None)
    note_receipt(session, match, quantity, reason, caller.id, None)
    return match


def note_receipt(session: Session, match: Match, quantity: int | None, reason: str | None, by: UUID | None, slip_id: UUID | None) -> None:
    """What was sent and did not arrive is needed again; the pledge does not get it back."""
    on_its_way = match.moved("sent")
    quantity = on_its_way if quantity is None else quantity
    if quantity > on_its_way:
        raise more_than_sent()
    if quantity < on_its_way and reason is None:
        raise reason_needed()
    change_state(match, "received")
    record_movement(match, "received", quantity, by, slip_id=slip_id, reason=reason)
    session.flush()
    if quantity < on_its_way:
        release_quantities(session, "need", {match.need_id: on_its_way - quantity})
    actions.record_events(session, [match.id])
    outbox.add(session, match_received(match))


def close_match(session: Session, caller: Caller, match_id: UUID) -> Match:
    """Both sides have acted and nothing is left to be done; what came of it follows from the figures, not from who closes."""
    match = lock_for_action(session, caller, match_id, "close_match")
    arrived = match.moved("received")
    whole = arrived == match.moved("promised")
    _close(session, match, caller, "delivered" if whole else "partly_delivered" if arrived else "nothing_arrived")
    return match


def cancel_match(session: Session, caller: Caller, match_id: UUID, reason: str) -> Match:
    """It will not be delivered. The pledge gets back what was never sent; the need too, unless there is none any more."""
    match = lock_for_action(session, caller, match_id, "cancel_match", with_book=True)
    if refusal := find_cancellation_problem(caller, match, reason):
        raise refusal
    missing = match.moved("promised") - match.moved("returned")
    unsent = missing - match.moved("sent")
    match.barred = True
    _close(session, match, caller, reason, returned=unsent)
    actions.record_events(session, [match.id])
    if unsent:
        release_quantities(session, "pledge", {match.pledge_id: unsent})
    if reason not in NO_NEED_LEFT:
        release_quantities(session, "need", {match.need_id: missing})
    return match


def _close(session: Session, match: Match, caller: Caller, because: str, returned: int = 0) -> None:
    change_state(match, "closed")
    match.ended_because, match.closed_at, match.closed_by = because, now(), caller.id
    if returned:
        record_movement(match, "returned", returned, caller.id)
    session.flush()
    outbox.add(session, match_closed(match))
