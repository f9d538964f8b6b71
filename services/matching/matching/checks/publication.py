"""The check that every act in the book has its event in the outbox or the journal."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy.orm import Session

from chassis.messaging import journal
from matching.checks.check import Check

# An act and its event commit together, and publication moves an event from the outbox to the journal in one step: each event is in one
# of the two. A claimed match was never proposed. An event may enter the journal later than its act, never earlier.
_UNPUBLISHED = """
    WITH due AS (
        SELECT id, 'match_proposed' AS name, 1 AS version FROM matches WHERE answer_by > proposed_at AND proposed_at >= :since
        UNION ALL SELECT match_id, CASE kind WHEN 'promised' THEN 'match_accepted' ELSE 'match_' || kind END, movements.version
            FROM movements WHERE kind <> 'returned' AND at >= :since
        UNION ALL SELECT id, 'match_reminded', 1 FROM matches WHERE reminded_at >= :since
        UNION ALL SELECT id, 'match_declined', version FROM matches WHERE state = 'declined' AND closed_at >= :since
        UNION ALL SELECT id, 'match_closed', version FROM matches WHERE state = 'closed' AND closed_at >= :since
        UNION ALL SELECT id, 'match_' || CASE ended_because WHEN 'revised' THEN 'revised' ELSE state END, version
            FROM matches WHERE state IN ('refused', 'lapsed') AND answered_at >= :since
        UNION ALL SELECT id, 'match_need_ended', 1 FROM matches WHERE need_ended_at >= :since
        UNION ALL SELECT id, 'match_need_reopened', 1 FROM matches WHERE need_reopened_at >= :since
        UNION ALL SELECT id, 'pledge_released', releases FROM pledges WHERE releases > 0 AND released_at >= :since
        UNION ALL SELECT id, CASE state WHEN 'released' THEN 'thanks_given' ELSE 'thanks_refused' END, version
            FROM thanks WHERE decided_at >= :since
        UNION ALL SELECT id, 'dispute_opened', 1 FROM disputes WHERE opened_at >= :since
        UNION ALL SELECT id, 'dispute_answered', 2 FROM disputes WHERE answered_at >= :since
        UNION ALL SELECT id, 'dispute_raised', 2 FROM disputes WHERE raised_at >= :since
        UNION ALL SELECT id, 'dispute_reminded', 1 FROM disputes WHERE reminded_at >= :since
        UNION ALL SELECT id, 'dispute_settled', version FROM disputes WHERE settled_at >= :since
        UNION ALL SELECT id, 'appeal_decided', version FROM appeals WHERE decided_at >= :since
        UNION ALL SELECT id, 'balance_changed', version FROM balance_told WHERE counted_at >= :since
    ),
    published AS (
        SELECT subject, name, max(version) AS version FROM (
            SELECT subject, name, version FROM outbox WHERE queue = ''
            UNION ALL SELECT subject, name, version FROM journal WHERE told_at >= :since
        ) AS both_places
        GROUP BY subject, name
    )
    SELECT due.id, due.name AS event FROM due LEFT JOIN published ON published.subject = due.id AND published.name = due.name
    WHERE published.version IS NULL OR published.version < due.version
    ORDER BY due.id LIMIT 1
"""


def _start_of_search(session: Session, since: datetime | None) -> dict[str, Any]:
    beginning = datetime(1970, 1, 1, tzinfo=UTC)
    return {"since": max(since or beginning, journal.complete_since(session) or beginning)}


CHECKS = (Check("event_untold", "every act in the book has its event", _UNPUBLISHED, _start_of_search),)
