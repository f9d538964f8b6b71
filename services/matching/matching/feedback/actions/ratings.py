"""Rate the other side of a match, and show ratings once nobody can rate in return."""

from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from chassis.data.database import now
from chassis.http.auth import Caller
from matching.book.events import required
from matching.book.rules import side_of
from matching.feedback import rules
from matching.feedback.lock import lock_for_feedback
from matching.feedback.model import Rating
from matching.feedback.queries import Ratings, load_ratings_seen_by
from matching.reliability import actions as reliability

AT_ONCE = 500

# Shows ratings whose time to answer is over, so that nobody rates in return. Locked rows are skipped.
_SHOW = text(
    """
    UPDATE ratings SET shown_at = now() WHERE (match_id, side) IN (
        SELECT match_id, side FROM ratings WHERE shown_at IS NULL AND closes_at <= :at
        ORDER BY closes_at LIMIT :limit FOR UPDATE SKIP LOCKED
    ) RETURNING match_id
    """
)


def rate_match(session: Session, caller: Caller, match_id: UUID, stars: int) -> Ratings:
    """Rate the other side once, from 1 to 5. The second rating of a match shows both."""
    match, feedback = lock_for_feedback(session, caller, match_id, "rate_match")
    side, at = side_of(caller, match), now()
    closes_at = required(rules.find_rating_deadline(match))
    rating = Rating(match_id=match.id, side=side, stars=stars, by=caller.id, at=at, closes_at=closes_at)
    both = [*feedback.ratings, rating]
    session.add(rating)
    if len(both) == 2:
        for one in both:
            one.shown_at = one.shown_at or at
    session.flush()
    if len(both) == 2:
        reliability.record_events(session, [match.id])
    return load_ratings_seen_by(session, match, side)


def show_closed_ratings(session: Session) -> int:
    """Show a limited number of ratings whose time to answer is over, and record them as reliability events; returns how many."""
    shown = session.scalars(_SHOW, {"at": now(), "limit": AT_ONCE}).all()
    reliability.record_events(session, set(shown))
    return len(shown)
