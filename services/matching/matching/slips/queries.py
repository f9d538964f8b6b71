"""Reading of hand-over slips by their tokens, and of labels."""

import hashlib
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from chassis.data.database import now
from chassis.data.items import find_item
from chassis.data.region_names import find_region_names
from chassis.http.auth import Caller
from matching.book.model import Match, Slip
from matching.book.problems import no_collection_point
from matching.book.queries import get_visible_match
from matching.points.queries import find_nearest_point
from matching.slips.paper import describe_label
from matching.slips.rules import find_label_problem, require_in_force


def get_label(session: Session, caller: Caller, match_id: UUID) -> dict[str, Any]:
    """Get what stands on the label of the caller's parcel. Raises `no_collection_point` where none is open."""
    match = get_visible_match(session, caller, match_id)
    item = find_item(session, match.category)
    if problem := find_label_problem(caller, match, item.kind):
        raise problem
    point = find_nearest_point(session, match.region)
    if point is None:
        raise no_collection_point()
    return describe_label(match, item, point, find_region_names(session, point.region))


def get_slip(session: Session, token: str) -> tuple[Match, Slip]:
    """Get the slip of a token, with its match. Raises `slip_unknown`, alike for unknown, revoked and expired slips."""
    slip = require_in_force(session.scalars(select(Slip).where(Slip.token_hash == hash_token(token))).first(), now())
    return session.get_one(Match, slip.match_id), slip


def hash_token(token: str) -> bytes:
    """Hash a token without salt: its 128 random bits cannot be found by trying."""
    return hashlib.sha256(token.encode()).digest()
