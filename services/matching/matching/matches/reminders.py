"""Whoever has not answered a proposal is match_reminded once, before it lapses."""

from sqlalchemy import text
from sqlalchemy.orm import Session

from chassis.messaging import outbox
from contracts.matching import MatchReminded
from matching.book.model import Match

AT_ONCE = 500

# A day before the deadline, or when two thirds of a shorter time are over. The first condition is the index's.
_REMIND = text(
    f"""
    UPDATE matches SET reminded_at = now(), version = version + 1 WHERE id IN (
        SELECT id FROM matches
        WHERE state = 'proposed' AND reminded_at IS NULL AND answer_by < now() + interval '24 hours' AND answer_by > now()
          AND now() - proposed_at > 2 * (answer_by - now())
        ORDER BY answer_by LIMIT {AT_ONCE} FOR UPDATE SKIP LOCKED
    ) AND state = 'proposed' RETURNING *
    """
).columns(*Match.__table__.columns)


def remind_pledgers(session: Session) -> int:
    """Remind of the proposals whose time is nearly over; returns how many."""
    matches = session.execute(_REMIND).all()
    outbox.add(session, *map(match_reminded, matches))
    return len(matches)


def match_reminded(match: Match) -> MatchReminded:
    return MatchReminded(
        match_id=match.id, **{name: getattr(match, name) for name in MatchReminded.__struct_fields__ if name != "match_id"}
    )
