"""Printing and confirming hand-over slips.

A slip stands for the household's side, once. It confirms only a match that the giver has sent, so that its printer alone finishes nothing.
"""

import secrets
from datetime import timedelta
from uuid import UUID

from sqlalchemy import update
from sqlalchemy.orm import Session

from chassis.data.database import now
from chassis.http.auth import Caller
from chassis.problems import state_conflict
from matching.book.lock import lock_for_action, lock_match
from matching.book.model import Match, Slip
from matching.book.problems import slip_used
from matching.matches.actions.delivery import note_receipt
from matching.slips.queries import get_slip, hash_token
from matching.slips.rules import require_in_force

VALID = timedelta(days=30)
TOKEN_BYTES = 16


def print_slip(session: Session, caller: Caller, match_id: UUID) -> tuple[Match, Slip, str]:
    """Print a slip and return its token, which is stored nowhere; revoke the earlier slips of the match."""
    match = lock_for_action(session, caller, match_id, "print_slip")
    at = now()
    in_force = update(Slip).where(Slip.match_id == match.id, Slip.revoked_at.is_(None), Slip.used_at.is_(None))
    session.execute(in_force.values(revoked_at=at))
    token = secrets.token_urlsafe(TOKEN_BYTES)
    slip = Slip(match_id=match.id, token_hash=hash_token(token), printed_by=caller.id, printed_at=at, expires_at=at + VALID)
    session.add(slip)
    session.flush()
    return match, slip, token


def confirm_slip(session: Session, token: str, quantity: int | None = None, reason: str | None = None) -> tuple[Match, Slip]:
    """Confirm the receipt of a match with its slip. Raises `slip_used` the second time."""
    match, slip = get_slip(session, token)
    # The match is locked before the slip, in the same order as in printing.
    match = lock_match(session, match, with_book=quantity is not None)
    session.refresh(slip, with_for_update=True)
    require_in_force(slip, now())
    if slip.used_at is not None:
        raise slip_used()
    if match.state != "sent":
        raise state_conflict(state=match.state)
    slip.used_at = now()
    note_receipt(session, match, quantity, reason, by=None, slip_id=slip.id)
    return match, slip
