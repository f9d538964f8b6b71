"""Answers to proposals: pledgers accept or refuse, households decline, and late proposals lapse."""

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from chassis.data.database import now
from chassis.http.auth import Caller
from chassis.messaging import outbox
from matching.book.actions import change_state, lapse_proposals, record_movement
from matching.book.events import match_accepted, match_declined, match_refused
from matching.book.lock import lock_for_action
from matching.book.model import Match
from matching.book.problems import not_enough
from matching.book.release import release_matches, release_part
from matching.matches.deadlines import set_send_deadline
from matching.matches.rules import split
from matching.refusals.actions import add_rule_from_refusal
from matching.refusals.rules import PAUSING_REASONS

LAPSED_AT_ONCE = 500


def accept_match(session: Session, caller: Caller, match_id: UUID, quantity: int | None = None) -> Match:
    """Accept a proposal, or a part of it, as its pledger.

    The rest is free again, but not for this pair.
    """
    match = lock_for_action(session, caller, match_id, "accept_match", with_book=quantity is not None)
    promised, left = split(match.quantity, quantity, not_enough)
    change_state(match, "accepted")
    match.answered_at, match.barred, match.giver_kind = now(), left > 0, caller.kind
    set_send_deadline(match, match.answered_at)
    record_movement(match, "promised", promised, caller.id)
    session.flush()
    if left:
        release_part(session, match, left)
    outbox.add(session, match_accepted(match))
    return match


def refuse_match(session: Session, caller: Caller, match_id: UUID, reason: str) -> Match:
    """Refuse a proposal as its pledger: free need and pledge, bar the pair, and add the refusal rule of the reason."""
    may_pause = reason in PAUSING_REASONS
    match = lock_for_action(session, caller, match_id, "refuse_match", with_book=not may_pause, with_proposals=may_pause)
    change_state(match, "refused")
    match.answered_at, match.ended_because, match.barred = now(), reason, True
    session.flush()
    release_matches(session, [match])
    outbox.add(session, match_refused(match))
    add_rule_from_refusal(session, match)
    return match


def decline_match(session: Session, caller: Caller, match_id: UUID, reason: str) -> Match:
    """Decline a match for the household, before it is sent: free need and pledge, and bar the pair."""
    match = lock_for_action(session, caller, match_id, "decline_match", with_book=True)
    promised = match.moved("promised")
    change_state(match, "declined")
    match.closed_at, match.closed_by, match.ended_because, match.barred = now(), caller.id, reason, True
    if promised:
        record_movement(match, "returned", promised, caller.id)
    session.flush()
    released = promised or match.quantity
    release_part(session, match, released)
    outbox.add(session, match_declined(match))
    return match


def lapse_matches(session: Session) -> int:
    """End the proposals whose deadline has passed, and bar their pairs; return how many ended."""
    late = select(Match).where(Match.state == "proposed", Match.answer_by < now()).order_by(Match.answer_by).limit(LAPSED_AT_ONCE)
    return len(lapse_proposals(session, session.scalars(late).all(), "deadline"))
