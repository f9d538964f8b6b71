"""Reminders of proposals that are close to their deadline."""

from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from chassis.messaging import outbox
from contracts.matching import MatchReminded
from matching.book.model import Match

AT_ONCE = 500

# A reminder is due a day before the deadline, or after two thirds of a shorter time. The first line of conditions is that of the index.
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
    """Publish one reminder for each proposal that is close to its deadline; return how many."""
    matches = session.execute(_REMIND).all()
    outbox.add(session, *map(match_reminded, matches))
    return len(matches)


def match_reminded(match: Match | Row[Any]) -> MatchReminded:
    return MatchReminded(
        match_id=match.id, **{name: getattr(match, name) for name in MatchReminded.__struct_fields__ if name != "match_id"}
    )
