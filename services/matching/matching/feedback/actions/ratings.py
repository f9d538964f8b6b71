"""Ratings: each side says once how it found the other, and sees what that one said when both have, or when nobody can any more."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from chassis.data.database import now
from chassis.http.auth import Caller
from matching.book.lock import lock_for_action
from matching.book.model import Match
from matching.book.queries import find_visible_match
from matching.book.rules import side_of
from matching.feedback import rules
from matching.feedback.model import Rating
from matching.feedback.queries import load_feedback
from matching.reliability import actions as reliability

AT_ONCE = 500

# The time to rate is over when they are shown, so that nobody rates in return.
_SHOW = text(
    """
    UPDATE ratings SET shown_at = now() WHERE (match_id, side) IN (
        SELECT match_id, side FROM ratings WHERE shown_at IS NULL AND closes_at <= :at
        ORDER BY closes_at LIMIT :limit FOR UPDATE SKIP LOCKED
    ) RETURNING match_id
    """
)


@dataclass(frozen=True)
class Ratings:
    """Those of a match as one side sees them: `theirs` only once it is shown; nobody can rate after `closes_at`."""

    match: Match
    mine: Rating | None
    theirs: Rating | None
    closes_at: datetime | None


def rate_match(session: Session, caller: Caller, match_id: UUID, stars: int) -> Ratings:
    """Say once, 1 to 5, how one found the other side."""
    match = lock_for_action(
        session, caller, match_id, "rate_match", rule=lambda *asked: rules.find_problem(*asked, load_feedback(session, asked[-1]))
    )
    side, at = side_of(caller, match), now()
    both = [*load_feedback(session, match).ratings, Rating(match_id=match.id, side=side, stars=stars, by=caller.id, at=at)]
    both[-1].closes_at = rules.find_rating_deadline(match)
    session.add(both[-1])
    if len(both) == 2:
        for rating in both:
            rating.shown_at = rating.shown_at or at
    session.flush()
    if len(both) == 2:
        reliability.record_events(session, [match.id])
    return _seen(session, match, side)


def load_ratings(session: Session, caller: Caller, match_id: UUID) -> Ratings:
    match = find_visible_match(session, caller, match_id)
    return _seen(session, match, side_of(caller, match))


def show_closed_ratings(session: Session) -> int:
    """Show those for which nobody can answer any more, and let them count; returns how many."""
    shown = session.scalars(_SHOW, {"at": now(), "limit": AT_ONCE}).all()
    reliability.record_events(session, set(shown))
    return len(shown)


def _seen(session: Session, match: Match, side: str | None) -> Ratings:
    by_side = {rating.side: rating for rating in load_feedback(session, match).ratings}
    mine = by_side.pop(side or "", None)
    theirs = next((rating for rating in by_side.values() if rating.shown_at), None)
    return Ratings(match, mine, theirs, rules.find_rating_deadline(match))
