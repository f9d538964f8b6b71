"""Add the noted changes to the counts of published needs. Rows are written in one order, so that several processes may add up at once."""

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from needs.hall.model import NeedCountChange

ADDED_AT_ONCE = 5_000

_ADD_UP = text(
    """
    WITH taken AS (
        DELETE FROM need_count_changes WHERE id IN (
            SELECT id FROM need_count_changes ORDER BY id LIMIT :limit FOR UPDATE SKIP LOCKED
        ) RETURNING region, category, urgency, is_open, needs
    ),
    summed AS (
        SELECT region, category, urgency, is_open, sum(needs) AS needs FROM taken GROUP BY region, category, urgency, is_open
    ),
    added AS (
        INSERT INTO need_counts AS known (region, category, urgency, open, covered)
        SELECT key.region, key.category, urgency, coalesce(sum(needs) FILTER (WHERE is_open), 0),
            coalesce(sum(needs) FILTER (WHERE NOT is_open), 0)
        FROM summed, listing_keys(summed.region, summed.category) AS key
        GROUP BY key.region, key.category, urgency ORDER BY key.region, key.category, urgency
        ON CONFLICT (region, category, urgency) DO UPDATE SET open = known.open + excluded.open, covered = known.covered + excluded.covered
    )
    SELECT count(*) FROM taken
    """
)


def add_up(session: Session) -> int:
    """Add a limited number of changes to the counts; return how many."""
    if session.scalar(select(NeedCountChange.id).limit(1)) is None:
        return 0
    return session.scalar(_ADD_UP, {"limit": ADDED_AT_ONCE}) or 0
