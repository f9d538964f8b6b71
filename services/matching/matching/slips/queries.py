"""Reading of hand-over slips by their tokens."""

import hashlib

from sqlalchemy import select
from sqlalchemy.orm import Session

from chassis.data.database import now
from matching.book.model import Match, Slip
from matching.slips.rules import require_in_force


def get_slip(session: Session, token: str) -> tuple[Match, Slip]:
    """Get the slip of a token, with its match. Raises `slip_unknown`, alike for unknown, revoked and expired slips."""
    slip = require_in_force(session.scalars(select(Slip).where(Slip.token_hash == hash_token(token))).first(), now())
    return session.get_one(Match, slip.match_id), slip


def hash_token(token: str) -> bytes:
    """Hash a token without salt: its 128 random bits cannot be found by trying."""
    return hashlib.sha256(token.encode()).digest()
