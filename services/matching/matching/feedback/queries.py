"""Queries for the feedback on matches."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from matching.book.model import Match
from matching.feedback.model import Feedback, Photo, Rating, Thanks


def load_feedback_by_match(session: Session, matches: Collection[Match]) -> Mapping[UUID, Feedback]:
    """Load the feedback on several matches with one query for each kind; a match without feedback has an empty one."""
    # Nothing can be shown, thanked for or rated before something was sent or the match was closed.
    ids = [match.id for match in matches if match.movement("sent") or match.closed_at]
    if not ids:
        return defaultdict(Feedback)
    photos, thanks, ratings = (_by_match(session, entity, ids) for entity in (Photo, Thanks, Rating))
    return {match.id: Feedback(photos[match.id], thanks[match.id], ratings[match.id]) for match in matches}


def load_feedback(session: Session, match: Match) -> Feedback:
    return load_feedback_by_match(session, [match])[match.id]


def _by_match(session: Session, entity: Any, ids: Collection[UUID]) -> Mapping[UUID, list[Any]]:
    found: dict[UUID, list[Any]] = defaultdict(list)
    for row in session.scalars(select(entity).where(entity.match_id.in_(ids)).order_by(*entity.__mapper__.primary_key)):
        found[row.match_id].append(row)
    return found
