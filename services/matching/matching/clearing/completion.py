"""What leaves the list when a clearing is over, and what is looked at again; and which waiting needs a pledge fits."""

from collections.abc import Collection
from datetime import timedelta
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from chassis.data.bulk_sql import array
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
    """SQL: so many waiting needs of one item (`asked`) that fit a row of `pledges`.

    Of those that were declined for something only so many are looked at: there may be a million that are worth too little for this pledge
    too. Who is not among them looks for pledges within a day.
    """
    return f"""
        (SELECT id FROM needs WHERE {_OPEN} AND NOT declined AND {_WANTED} {order} LIMIT {limit})
        UNION ALL
        (SELECT id FROM (SELECT * FROM needs WHERE {_OPEN} AND declined LIMIT {DECLINED_LOOKED_AT}) AS needs
         WHERE {_WANTED} AND {NOT_DEFERRED} {order} LIMIT {limit})
    """


# Which needs a pledge fits: the category or what is below it (`/` follows the dot), the scope or what is below it (`~` follows digits).
_ASKED = "asked.category >= pledges.category AND asked.category < pledges.category || '/' AND asked.unit = pledges.unit"
_FITTING_NEEDS = text(
    f"""
    SELECT DISTINCT need.id FROM pledges
    JOIN categories AS asked ON {_ASKED},
      LATERAL ({_fitting("ORDER BY urgency DESC, posted_at", PER_PLEDGE)}) AS need
    WHERE pledges.id = ANY(CAST(:ids AS uuid[])) AND pledges.open AND pledges.valid_until > now()
    """
)
# What still has something fitting open beside it was passed over because somebody else held that, or there was too much for one
# clearing: it stays on the list. Everything else leaves it, and comes back when a change in the book concerns it. The pledges that are due
# come first (OFFSET 0), lest the planner looks for a need for every pledge there is.
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
    """Waiting needs that these pledges fit: of each item so many, the most urgent first."""
    return set(session.scalars(_FITTING_NEEDS, {"ids": array(pledges)}).all()) if pledges else set()


def complete(
    session: Session, needs: Collection[UUID], pledges: Collection[UUID], waiting: Collection[UUID], held: Collection[UUID]
) -> None:
    """Remove these from the queue, except `waiting` needs, and needs that are `held` by another process and still open."""
    due = {"sides": array(["need"] * len(needs) + ["pledge"] * len(pledges)), "ids": array([*needs, *pledges])}
    session.execute(_DONE, due | {"waiting": array(waiting), "held": array(held), "again": AGAIN})
