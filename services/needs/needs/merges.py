"""Households that were merged into others: what they asked for and were given counts for the household to which they belong now."""

from collections.abc import Collection, Mapping
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from chassis.data.bulk_sql import encode_array

AS_ONE = """
    WITH RECURSIVE as_one (id) AS (
        SELECT CAST(:household AS uuid) UNION SELECT households.id FROM households JOIN as_one ON merged_into = as_one.id
    ) SELECT id FROM as_one
"""
"""SQL: the ids of a `household` and of all that were merged into it, one after the other too; a query within others."""
_OWNERS = text(
    """
    WITH RECURSIVE as_one (owner, id) AS (
        SELECT id, id FROM unnest(CAST(:households AS uuid[])) AS of (id)
        UNION SELECT owner, households.id FROM households JOIN as_one ON merged_into = as_one.id
    ) SELECT id, owner FROM as_one
    """
)


def find_owners(session: Session, household_ids: Collection[UUID]) -> Mapping[UUID, UUID]:
    """Map each of these households, and each that was merged into one of them, to the one of these."""
    rows = session.execute(_OWNERS, {"households": encode_array(household_ids)})
    return {row.id: row.owner for row in rows}
