"""Hand-over slips: printed by the village, read and confirmed by whoever holds the paper, without an account.

A slip speaks for the household's side, once. It can only confirm what the giver has sent, so that its printer alone brings nothing to an
end; printing another one revokes it.
"""

import hashlib
import secrets
from datetime import timedelta
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from chassis.data.database import now
from chassis.http.auth import Caller
from chassis.problems import state_conflict
from matching.book.lock import lock_for_action, lock_match
from matching.book.model import Match, Slip
from matching.book.problems import slip_unknown, slip_used
from matching.matches.actions.delivery import note_receipt

VALID = timedelta(days=30)
TOKEN_BYTES = 16


def print_slip(session: Session, caller: Caller, match_id: UUID) -> tuple[Match, Slip, str]:
    """A new slip and its token, which is known nowhere else; slips of the match that are in force are revoked."""
    match = lock_for_action(session, caller, match_id, "print_slip")
    at = now()
    in_force = update(Slip).where(Slip.match_id == match.id, Slip.revoked_at.is_(None), Slip.used_at.is_(None))
    session.execute(in_force.values(revoked_at=at))
    token = secrets.token_urlsafe(TOKEN_BYTES)
    slip = Slip(match_id=match.id, token_hash=_hash(token), printed_by=caller.id, printed_at=at, expires_at=at + VALID)
    session.add(slip)
    session.flush()
    return match, slip, token


def read_slip(session: Session, token: str) -> tuple[Match, Slip]:
    """What a slip is about; nothing changes. Raises `slip_unknown` for one that is unknown, revoked or too old, all alike."""
    slip = session.scalars(select(Slip).where(Slip.token_hash == _hash(token))).first()
    _require_in_force(slip)
    assert slip is not None
    return session.get_one(Match, slip.match_id), slip


def confirm_slip(session: Session, token: str, quantity: int | None = None, reason: str | None = None) -> tuple[Match, Slip]:
    """Whoever holds the slip confirms what arrived, as the household's side. Raises `slip_used` the second time."""
    match, slip = read_slip(session, token)
    # The match first and the slip after it, as printing does.
    match = lock_match(session, match, with_book=quantity is not None)
    session.refresh(slip, with_for_update=True)
    _require_in_force(slip)
    if slip.used_at is not None:
        raise slip_used()
    if match.state != "sent":
        raise state_conflict(state=match.state)
    slip.used_at = now()
    note_receipt(session, match, quantity, reason, by=None, slip_id=slip.id)
    return match, slip


def _require_in_force(slip: Slip | None) -> None:
    if slip is None or slip.revoked_at is not None or slip.expires_at <= now():
        raise slip_unknown()


def _hash(token: str) -> bytes:
    """The token is as random as a key, so that nobody finds it by trying what has this hash."""
    return hashlib.sha256(token.encode()).digest()
