"""Counts of published and helped needs, by village and quarter; a household's needs are counted one by one.

A need is helped while some match of it is proposed, promised, on its way or has arrived. Matches that were refused, declined, lapsed,
cancelled or brought nothing do not count. A proposal counts before it is accepted: otherwise one village would be offered everything until
its pledgers answer. A need stays in the quarter of its publication. One that was withdrawn before its publication was handled never counts.

Triggers note the needs that may have changed, in the transaction that changed them. One process at a time reads them as they are now and
adds the difference to the counts. So order and repetition do not matter, and figures are about a second old.
"""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from chassis.data.bulk_sql import encode_array

BATCH = 1_000
AT_ONCE = 20

IS_HELPING = """
    state NOT IN ('refused', 'lapsed', 'declined') AND (state <> 'closed' OR ended_because IN ('delivered', 'partly_delivered'))
    AND NOT EXISTS (SELECT FROM movements WHERE match_id = matches.id AND kind IN ('received', 'corrected') AND quantity = 0)
"""
"""SQL condition: this match helps its need."""

NEEDS_AS_COUNTED = f"""
    SELECT id AS need_id, region, household_id, EXISTS (SELECT FROM matches WHERE need_id = needs.id AND {IS_HELPING}) AS is_helped,
        CAST(date_trunc('quarter', coalesce(published_at, posted_at) AT TIME ZONE 'Asia/Shanghai') AS date) AS quarter
    FROM needs WHERE urgency > 0
"""
"""SQL: every need as it counts now. A need that ended before its publication was handled has urgency 0."""

_LOCK = select(func.pg_try_advisory_xact_lock(func.hashtext("matching.fairness")))
# Indexes only, also for a plan made while the tables were empty: the planner would read the whole book to find a thousand needs.
_BY_INDEX = text("SET LOCAL enable_seqscan = off")
# Takes the oldest notes, reads each of their needs by itself (OFFSET 0), and adds the differences to the counts.
_COUNT = text(
    f"""
    WITH taken AS (
        DELETE FROM help_changes WHERE id <= (
            SELECT max(id) FROM (SELECT id FROM help_changes ORDER BY id LIMIT :limit) AS first
        ) RETURNING need_id
    ),
    seen AS (
        SELECT one.*, (SELECT is_helped FROM counted_needs WHERE counted_needs.need_id = one.need_id) AS was_helped
        FROM (SELECT DISTINCT need_id FROM taken) AS noted, LATERAL ({NEEDS_AS_COUNTED} AND id = noted.need_id OFFSET 0) AS one
    ),
    kept AS (
        INSERT INTO counted_needs (need_id, household_id, quarter, is_helped) SELECT need_id, household_id, quarter, is_helped FROM seen
        WHERE is_helped IS DISTINCT FROM was_helped ON CONFLICT (need_id) DO UPDATE SET is_helped = excluded.is_helped
    ),
    change AS (
        SELECT region, quarter, CAST(was_helped IS NULL AS integer) AS needs,
            CAST(is_helped AS integer) - CAST(coalesce(was_helped, false) AS integer) AS helped
        FROM seen
    ),
    added AS (
        INSERT INTO fared (region, quarter, needs, helped)
        SELECT region, quarter, sum(needs), sum(helped) FROM change GROUP BY region, quarter HAVING sum(needs) <> 0 OR sum(helped) <> 0
        ON CONFLICT (region, quarter) DO UPDATE SET needs = fared.needs + excluded.needs, helped = fared.helped + excluded.helped
    )
    SELECT count(*) FROM taken
    """
)

_TAKE_TURN = select(func.pg_advisory_xact_lock(func.hashtext("matching.fairness")))
# A counted need is counted in its new village instead of its old one, and for the household that it belongs to now.
_MOVE = text(
    """
    WITH moved AS (
        SELECT * FROM unnest(CAST(:ids AS uuid[]), CAST(:former AS text[]) COLLATE "C", CAST(:regions AS text[]) COLLATE "C",
            CAST(:households AS uuid[])) AS moved (id, former, region, household_id)
    ),
    counted AS (
        UPDATE counted_needs SET household_id = moved.household_id FROM moved WHERE need_id = moved.id
        RETURNING moved.former, moved.region, quarter, CAST(is_helped AS integer) AS helped
    ),
    change AS (
        SELECT former AS region, quarter, -1 AS needs, -helped AS helped FROM counted WHERE former <> region
        UNION ALL SELECT region, quarter, 1, helped FROM counted WHERE former <> region
    )
    INSERT INTO fared (region, quarter, needs, helped)
    SELECT region, quarter, sum(needs), sum(helped) FROM change GROUP BY region, quarter ORDER BY region, quarter
    ON CONFLICT (region, quarter) DO UPDATE SET needs = fared.needs + excluded.needs, helped = fared.helped + excluded.helped
    """
)


def lock_counts(session: Session) -> None:
    """Keep others from counting until the transaction ends; call it before anything of the book is locked."""
    session.execute(_TAKE_TURN)


def move_counts(session: Session, places: Sequence[tuple[UUID, str, str, UUID]]) -> None:
    """Count needs in other villages from now on: their ids, regions of before and now, and households. The counts are locked."""
    if places:
        ids, former, regions, households = (encode_array(column) for column in zip(*places, strict=True))
        session.execute(_MOVE, {"ids": ids, "former": former, "regions": regions, "households": households})


def count_helped_needs(session: Session) -> int:
    """Count the needs of a limited number of notes; returns the number of notes. Does nothing while another process counts."""
    if not session.scalar(_LOCK):
        return 0
    session.execute(_BY_INDEX)
    notes = 0
    for _ in range(AT_ONCE):
        taken = int(session.scalar(_COUNT, {"limit": BATCH}) or 0)
        notes += taken
        if taken < BATCH:
            break
    return notes
