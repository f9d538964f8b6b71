"""Completion of a clearing: remove its entries from the queue; and the waiting needs that fit a pledge."""

from collections.abc import Collection
from datetime import timedelta
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from chassis.data.bulk_sql import encode_array
from matching.refusals.conditions import pair_is_allowed
from matching.weights.deferral import NOT_DEFERRED

PER_PLEDGE = 100
DECLINED_LOOKED_AT = 1000
AGAIN = timedelta(milliseconds=20)

_WANTED = pair_is_allowed("needs", "pledges.id", "pledges.not_for")
_OPEN = """
    category = asked.category AND unit = asked.unit
    AND region >= pledges.scope AND region < pledges.scope || '~' AND open
"""


def _fitting(order: str, limit: int) -> str:
    """SQL: up to `limit` waiting needs of one item (`asked`) that fit a row of `pledges`.

    Only some of the deferred needs are read, since a million of them may be worth too little for this pledge too. The others look for
    pledges themselves within a day.
    """
    return f"""
        (SELECT id FROM needs WHERE {_OPEN} AND NOT declined AND {_WANTED} {order} LIMIT {limit})
        UNION ALL
        (SELECT id FROM (SELECT * FROM needs WHERE {_OPEN} AND declined LIMIT {DECLINED_LOOKED_AT}) AS needs
         WHERE {_WANTED} AND {NOT_DEFERRED} {order} LIMIT {limit})
    """


# A pledge fits its category and those below it (`/` follows the dot), and its scope and the regions below it (`~` follows digits).
_ASKED = "asked.category >= pledges.category AND asked.category < pledges.category || '/' AND asked.unit = pledges.unit"
_FITTING_NEEDS = text(
    f"""
    SELECT DISTINCT need.id FROM pledges
    JOIN categories AS asked ON {_ASKED},
      LATERAL ({_fitting("ORDER BY urgency DESC, posted_at", PER_PLEDGE)}) AS need
    WHERE pledges.id = ANY(CAST(:ids AS uuid[])) AND pledges.open AND pledges.valid_until > now()
    """
)
# An entry stays in the queue while something that fits it is open: another process held that, or there was too much for one clearing. Every
# other entry is removed, and returns when the book changes for it. The due pledges come first (OFFSET 0): otherwise the planner looks for a
# need for every pledge there is.
_DONE = text(
    f"""
    WITH due AS (SELECT * FROM unnest(CAST(:sides AS text[]), CAST(:ids AS uuid[])) AS due (side, id)),
    waiting AS (
        SELECT 'need' AS side, id FROM unnest(CAST(:waiting AS uuid[])) AS waiting (id)
        UNION ALL
        SELECT 'need', id FROM needs WHERE id = ANY(CAST(:held AS uuid[])) AND open
        UNION ALL
        SELECT 'pledge', id FROM (
            SELECT pledges.* FROM due JOIN pledges ON pledges.id = due.id
            WHERE due.side = 'pledge' AND pledges.open AND pledges.valid_until > now() OFFSET 0
        ) AS pledges
        WHERE EXISTS (
            SELECT FROM categories AS asked JOIN LATERAL ({_fitting("", 1)}) AS fitting ON true
            WHERE {_ASKED}
        )
    ),
    later AS (
        UPDATE to_clear SET due_at = clock_timestamp() + CAST(:again AS interval) FROM waiting
        WHERE to_clear.side = waiting.side AND to_clear.id = waiting.id
    )
    DELETE FROM to_clear USING due
    WHERE to_clear.side = due.side AND to_clear.id = due.id
      AND NOT EXISTS (SELECT FROM waiting WHERE waiting.side = due.side AND waiting.id = due.id)
    """
)


def find_fitting_needs(session: Session, pledges: Collection[UUID]) -> set[UUID]:
    """Return waiting needs that these pledges fit: of each item the most urgent ones."""
    return set(session.scalars(_FITTING_NEEDS, {"ids": encode_array(pledges)}).all()) if pledges else set()


def complete(
    session: Session, needs: Collection[UUID], pledges: Collection[UUID], waiting: Collection[UUID], held: Collection[UUID]
) -> None:
    """Remove these from the queue, except `waiting` needs, and needs that are `held` by another process and still open."""
    due = {"sides": encode_array(["need"] * len(needs) + ["pledge"] * len(pledges)), "ids": encode_array([*needs, *pledges])}
    session.execute(_DONE, due | {"waiting": encode_array(waiting), "held": encode_array(held), "again": AGAIN})
