"""Rows of the book that follow a region to its successor: pledges, then needs, then matches, and the counts that stand beside them."""

from collections.abc import Mapping

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from chassis.data.region_moves import RegionMove, array_parameters, move_column
from matching.book import clearing_queue
from matching.book.model import Match
from matching.points.model import Point
from matching.refusals.actions import move_rules
from matching.weights.model import WeightSet

_CHANGE = "unnest(CAST(:before AS text[]), CAST(:after AS text[])) AS change (before, after)"
_COUNTING = select(func.pg_advisory_xact_lock(func.hashtext("matching.fairness")))
_MOVE_PLEDGES = text(
    f"""
    WITH chosen AS MATERIALIZED (
        SELECT held.id, change.before, change.after FROM {_CHANGE}
        JOIN pledges AS held ON held.scope = change.before COLLATE "C" LIMIT :rows
    ),
    moving AS (
        SELECT chosen.* FROM chosen JOIN pledges AS held ON held.id = chosen.id AND held.scope = chosen.before COLLATE "C"
        ORDER BY chosen.id FOR UPDATE OF held
    )
    UPDATE pledges SET scope = moving.after FROM moving WHERE pledges.id = moving.id RETURNING pledges.id, pledges.open
    """
)
# Rows are chosen first, then ordered and locked. The counts of helped needs move with each need. A need's first match is noted again, as if
# it were accepted now.
_MOVE_NEEDS = text(
    f"""
    WITH chosen AS MATERIALIZED (
        SELECT held.id, change.before, change.after FROM {_CHANGE}
        JOIN needs AS held ON held.region = change.before COLLATE "C" LIMIT :rows
    ),
    moving AS (
        SELECT chosen.* FROM chosen JOIN needs AS held ON held.id = chosen.id AND held.region = chosen.before COLLATE "C"
        ORDER BY chosen.id FOR UPDATE OF held
    ),
    moved AS (UPDATE needs SET region = moving.after FROM moving WHERE needs.id = moving.id RETURNING needs.id, needs.open),
    counted AS (
        SELECT before, after, quarter, CAST(is_helped AS integer) AS helped FROM moving JOIN counted_needs ON need_id = moving.id
    ),
    fared_there AS (
        INSERT INTO fared (region, quarter, needs, helped)
        SELECT region, quarter, sum(needs), sum(helped) FROM (
            SELECT after AS region, quarter, 1 AS needs, helped FROM counted UNION ALL SELECT before, quarter, -1, -helped FROM counted
        ) AS change GROUP BY region, quarter ORDER BY region, quarter
        ON CONFLICT (region, quarter) DO UPDATE SET needs = fared.needs + excluded.needs, helped = fared.helped + excluded.helped
    ),
    noted AS (INSERT INTO accepted_needs (need_id) SELECT need_id FROM first_matches JOIN moving ON moving.id = need_id)
    SELECT id, open FROM moved
    """
)
_MOVE_DEFERRALS = text(
    f"""
    WITH ended AS (
        DELETE FROM too_low USING {_CHANGE} WHERE scope = change.before COLLATE "C" RETURNING need_id, category, change.after, until
    )
    INSERT INTO too_low (need_id, category, scope, until) SELECT need_id, category, after, max(until) FROM ended GROUP BY 1, 2, 3
    ON CONFLICT (need_id, category, scope) DO NOTHING
    """
)


def move_pledges(session: Session, after: Mapping[str, str], rows: int) -> int:
    """Move where pledges may go, and the deferrals of that scope; what is open is cleared again."""
    moved = session.execute(_MOVE_PLEDGES, array_parameters(after) | {"rows": rows}).all()
    session.execute(_MOVE_DEFERRALS, array_parameters(after))
    clearing_queue.add(session, "pledge", [row.id for row in moved if row.open])
    return len(moved)


def move_needs(session: Session, after: Mapping[str, str], rows: int) -> int:
    """Move needs and their counts; what is open is cleared again. Waits while another process counts helped needs."""
    session.execute(_COUNTING)
    moved = session.execute(_MOVE_NEEDS, array_parameters(after) | {"rows": rows}).all()
    clearing_queue.add(session, "need", [row.id for row in moved if row.open])
    return len(moved)


_BALANCE = tuple(f"{table}.region" for table in ("balance", "balance_changes", "balance_told"))
_DAYS = tuple(f"{table}.region" for table in ("first_matches", "balance_days", "group_days"))
MOVES = (
    # The balance follows by triggers. Published balances of an ended region come to nought.
    RegionMove(("pledges.scope", "too_low.scope", *_BALANCE), move_pledges),
    RegionMove(("needs.region", "fared.region", *_DAYS), move_needs),
    RegionMove(("lessons.region", "pledges.not_for"), move_rules),
    move_column(Match.region),
    move_column(Point.region),
    # A successor that has weights of its own keeps them; matches go on naming the set by which they were proposed.
    move_column(WeightSet.region, unless="EXISTS (SELECT FROM weights AS there WHERE there.region = change.after)", is_setting=True),
    move_column(Match.weights_region, unless="EXISTS (SELECT FROM weights AS there WHERE there.region = change.before)"),
)
