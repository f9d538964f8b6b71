"""Recounts of what is free of needs and pledges, from their matches and movements."""

from collections.abc import Collection, Sequence
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from chassis.data.bulk_sql import encode_array

MOVED = """
    sum(quantity) FILTER (WHERE kind = 'promised') AS promised, sum(quantity) FILTER (WHERE kind = 'sent') AS sent,
    coalesce(sum(quantity) FILTER (WHERE kind = 'corrected'), sum(quantity) FILTER (WHERE kind = 'received')) AS received,
    sum(quantity) FILTER (WHERE kind = 'returned') AS returned
"""
"""SQL: the sums of a match's movements. A correction takes the place of the receipt."""
# A need counts the received quantity; before that the sent or promised one. A cancelled match counts only if the need itself is over.
# A pledge counts the promised quantity without the returned one.
ALLOCATED = {
    "needs": """
        CASE WHEN received IS NOT NULL THEN received
             WHEN state = 'closed' AND ended_because NOT IN ('household_moved', 'need_over') THEN 0
             ELSE coalesce(sent, promised) END
    """,
    "pledges": "promised - coalesce(returned, 0)",
}
_RECOUNT = {
    table: text(
        f"""
        UPDATE {table} SET quantity = {quantity}, rest = CASE WHEN {table}.ended THEN 0 ELSE greatest(0, {quantity} - held) END
        FROM unnest(CAST(:ids AS uuid[])) AS one (id) JOIN {table} AS before USING (id), LATERAL (
            SELECT coalesce(sum(CASE WHEN state = 'proposed' THEN quantity ELSE {ALLOCATED[table]} END), 0) AS held,
                coalesce(sum({ALLOCATED[table]}) FILTER (WHERE state <> 'proposed'), 0) AS promised
            FROM matches, LATERAL (
                SELECT {MOVED} FROM movements WHERE match_id = matches.id
            ) AS moved
            WHERE {column} = one.id AND state NOT IN ('refused', 'lapsed', 'declined')
        ) AS matched
        WHERE {table}.id = one.id
        RETURNING {table}.id, matched.held > {table}.quantity AS over, {table}.quantity > before.quantity AS raised
        """
    )
    for table, column, quantity in (
        ("needs", "need_id", "needs.quantity"),
        ("pledges", "pledge_id", "greatest(pledges.quantity, matched.promised)"),
    )
}


def recount(session: Session, table: Literal["needs", "pledges"], ids: Collection[UUID]) -> Sequence[Any]:
    """Count anew what is free of needs or pledges; holds of needs have ended. Raise pledges that promised more than they offer.

    Each row tells whether it is `over` what it has, and whether it was `raised`. The caller has locked the rows.
    """
    return session.execute(_RECOUNT[table], {"ids": encode_array(sorted(ids))}).all()
