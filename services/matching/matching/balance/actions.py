"""Keep the balance up to date: changes of the book are added to the figures of all enclosing regions.

Triggers note each change in the statement that makes it. So no act can forget it, and no two acts wait for each other. One process at a
time adds the notes up; any number may try.
"""

from datetime import timedelta

from sqlalchemy import bindparam, column, false, func, select, table, text
from sqlalchemy.orm import Session

from chassis.data.database import now
from matching.book import clearing_queue

BATCH = 8_000
AT_ONCE = 4
MANY = 20_000
"""So many notes are added up even while clearings are behind."""
EXPIRED_AT_ONCE = 2_000
PATIENCE = timedelta(minutes=1)
"""How long notes wait for a clearing that is behind."""

FIGURES = {
    "needs": "sum(needs)",
    "need_units": "sum(need_units)",
    "wanting": "sum(wanting)",
    "pledges": "sum(pledges)",
    "pledges_units": "sum(pledge_units)",
    "wide_pledges": "sum(pledges) FILTER (WHERE length = length(one.region))",
    "wide_pledges_units": "sum(pledge_units) FILTER (WHERE length = length(one.region))",
}
"""Figures of a region and all below it. `wide_` figures count pledges for exactly this region, which reach everything below."""
_NAMES = ", ".join(FIGURES)
_NOTED = ("needs", "need_units", "wanting", "pledges", "pledge_units")
_NETTED = ", ".join(f"sum({name}) AS {name}" for name in _NOTED)
_MOVED = " OR ".join(f"sum({name}) <> 0" for name in _NOTED)

# Sums for the region of each row and for all regions around it, down to townships: no figure shows a single village.
SUMMED_BY_ENCLOSING_REGION = """
    SELECT left(one.region, length) AS region, category, unit, {measures}
    FROM {rows} AS one CROSS JOIN unnest(ARRAY[0, 2, 4, 6, 9]) AS length WHERE length <= length(one.region) GROUP BY 1, 2, 3
"""
TOTALS = ", ".join(f"coalesce({sum_}, 0) AS {name}" for name, sum_ in FIGURES.items())

# True when the clearing queue is empty, has no due entry, or is too far behind. Notes wait for clearings because most needs are met at
# once, and then their notes cancel out.
_IS_UPDATE_DUE = text(
    """
    SELECT coalesce(first > clock_timestamp() OR first < clock_timestamp() - CAST(:patience AS interval), true) FROM (
        SELECT min(due_at) AS first FROM (
            SELECT min(due_at) AS due_at FROM to_clear WHERE side = 'need' UNION ALL SELECT min(due_at) FROM to_clear WHERE side = 'pledge'
        ) AS sides
    ) AS list
    """
)
_NOTES = table("balance_changes", column("id"))
_HAS_MANY_NOTES = select(func.coalesce(func.max(_NOTES.c.id) - func.min(_NOTES.c.id) >= bindparam("many"), false())).select_from(_NOTES)
_LOCK = select(func.pg_try_advisory_xact_lock(func.hashtext("matching.balance")))
# Takes the oldest notes and adds them to the figures of all enclosing regions.
_ADD_UP = text(
    f"""
    WITH taken AS (
        DELETE FROM balance_changes WHERE id IN (SELECT id FROM balance_changes ORDER BY id LIMIT :limit) RETURNING *
    ),
    netted AS (SELECT region, category, unit, {_NETTED} FROM taken GROUP BY region, category, unit HAVING {_MOVED}),
    around AS ({SUMMED_BY_ENCLOSING_REGION.format(measures=TOTALS, rows="netted")}),
    added AS (
        INSERT INTO balance (region, category, unit, {_NAMES}, changed)
        SELECT region, category, unit, {_NAMES}, length(region) <= 6 FROM around
        WHERE {" OR ".join(f"{name} <> 0" for name in FIGURES)}
        ON CONFLICT (region, category, unit) DO UPDATE
        SET {", ".join(f"{name} = balance.{name} + excluded.{name}" for name in FIGURES)}, changed = excluded.changed
    )
    SELECT count(*) FROM taken
    """
)
# Takes the oldest accepted needs and counts the days from their publication to their first accepted match.
_ADD_DAYS = text(
    """
    WITH taken AS (
        DELETE FROM accepted_needs WHERE id IN (SELECT id FROM accepted_needs ORDER BY id LIMIT :limit) RETURNING need_id
    ),
    fresh AS (
        SELECT needs.id AS need_id, left(needs.region, 9) AS region, needs.category,
            date_trunc('month', min(answered_at) AT TIME ZONE 'Asia/Shanghai')\\:\\:date AS month,
            greatest(0, extract(day FROM min(answered_at) - coalesce(published_at, posted_at)))\\:\\:integer AS days
        FROM needs JOIN matches ON need_id = needs.id AND answered_at IS NOT NULL
            AND state NOT IN ('proposed', 'refused', 'lapsed', 'declined')
        WHERE needs.id IN (SELECT need_id FROM taken) GROUP BY needs.id
    ),
    kept AS (
        INSERT INTO first_matches (need_id, region, category, month, days) SELECT need_id, region, category, month, days FROM fresh
        ON CONFLICT (need_id) DO UPDATE SET region = excluded.region, month = excluded.month, days = excluded.days
    ),
    change AS (
        SELECT region, category, month, days, 1 AS needs FROM fresh
        UNION ALL SELECT region, category, month, days, -1 FROM first_matches WHERE need_id IN (SELECT need_id FROM fresh)
    ),
    around AS (
        SELECT left(region, length) AS region, category, month, days, sum(needs) AS needs
        FROM change CROSS JOIN unnest(ARRAY[0, 2, 4, 6, 9]) AS length
        WHERE length <= length(region) GROUP BY 1, 2, 3, 4 HAVING sum(needs) <> 0
    ),
    added AS (
        INSERT INTO balance_days (region, category, month, days, needs) SELECT region, category, month, days, needs FROM around
        ON CONFLICT (region, category, month, days) DO UPDATE SET needs = balance_days.needs + excluded.needs
    ),
    marked AS (
        UPDATE balance SET changed = true FROM (SELECT DISTINCT region, category FROM around) AS moved
        WHERE balance.region = moved.region AND balance.category = moved.category AND length(moved.region) <= 6
    )
    SELECT count(*) FROM taken
    """
)
# Marks pledges expired, or valid again after a change. Locked rows are skipped until the next time.
_TURN = """
    UPDATE pledges SET expired = NOT expired WHERE id IN (
        SELECT id FROM pledges WHERE NOT ended AND {are_over} ORDER BY valid_until LIMIT :limit FOR UPDATE SKIP LOCKED
    ) RETURNING id
"""
_EXPIRE = text(_TURN.format(are_over="NOT expired AND valid_until <= :at"))
_REVIVE = text(_TURN.format(are_over="expired AND valid_until > :at"))


def is_update_due(session: Session) -> bool:
    """Tell whether to add up now: clearings have caught up, are too far behind, or there are very many notes."""
    return bool(session.scalar(_IS_UPDATE_DUE, {"patience": PATIENCE})) or _has_many_notes(session)


def update_balance(session: Session) -> int:
    """Add up a limited number of notes; returns that number. Does nothing while another process adds up."""
    if not session.scalar(_LOCK):
        return 0
    turns = {"at": now(), "limit": EXPIRED_AT_ONCE}
    session.execute(_EXPIRE, turns)
    clearing_queue.add(session, "pledge", session.scalars(_REVIVE, turns).all())
    notes = 0
    for _ in range(AT_ONCE):
        notes += sum(session.scalar(statement, {"limit": BATCH}) or 0 for statement in (_ADD_UP, _ADD_DAYS))
        if not _has_many_notes(session):
            break
    return notes


def _has_many_notes(session: Session) -> bool:
    return bool(session.scalar(_HAS_MANY_NOTES, {"many": MANY}))
