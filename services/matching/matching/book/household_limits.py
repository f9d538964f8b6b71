"""The most that one household may get of a pledge, over all its needs and those of households that were merged into it."""

from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from chassis.data.bulk_sql import encode_array
from matching.book.merged_households import as_one
from matching.book.model import Pledge

_COUNTED = "state IN ('proposed', 'accepted', 'sent', 'received', 'closed')"
_GIVEN = text(
    f"""
    SELECT pair.pledge_id, pair.household_id, CAST(coalesce(sum(quantity), 0) AS bigint) AS given
    FROM unnest(CAST(:pledges AS uuid[]), CAST(:households AS uuid[])) AS pair (pledge_id, household_id)
        CROSS JOIN LATERAL {as_one("pair.household_id")} AS one
    JOIN matches ON matches.pledge_id = pair.pledge_id AND matches.household_id = one.id AND {_COUNTED}
    GROUP BY pair.pledge_id, pair.household_id
    """
)
EXHAUSTED = f"""
    SELECT needs.id AS need_id, pledges.id AS pledge_id, pledges.category, pledges.unit, pledges.scope, not_for
    FROM needs CROSS JOIN LATERAL {as_one("needs.household_id")} AS one
    JOIN matches AS given ON given.household_id = one.id AND given.{_COUNTED}
    JOIN pledges ON pledges.id = given.pledge_id AND household_limit IS NOT NULL
    WHERE needs.id = ANY(CAST(:ids AS uuid[]))
    GROUP BY needs.id, pledges.id HAVING sum(given.quantity) >= household_limit
"""
"""SQL: pairs of these needs and of pledges that have given the need's household all that they give to one."""


def has_room(need: str, pledge_id: str) -> str:
    """SQL condition: the pledge gives more to the household of the need (a row with household_id). Most pledges have no limit."""
    limit = f"(SELECT household_limit FROM pledges AS limited WHERE limited.id = {pledge_id})"
    given = (
        f"(SELECT coalesce(sum(given.quantity), 0) FROM {as_one(f'{need}.household_id')} AS one"
        f" JOIN matches AS given ON given.pledge_id = {pledge_id} AND given.household_id = one.id AND given.{_COUNTED})"
    )
    return f"CASE WHEN {limit} IS NULL THEN true ELSE {given} < {limit} END"


def load_given(session: Session, pairs: set[tuple[UUID, UUID]]) -> dict[tuple[UUID, UUID], int]:
    """Load what each of these pledges has given to, or set aside for, its household of the pair."""
    if not pairs:
        return {}
    pledges, households = zip(*sorted(pairs), strict=True)
    rows = session.execute(_GIVEN, {"pledges": encode_array(pledges), "households": encode_array(households)})
    return {(row.pledge_id, row.household_id): row.given for row in rows}


def find_household_room(session: Session, pledge: Pledge, household_id: UUID) -> int | None:
    """Find how many units the household may still get of the pledge; None without a limit. The caller has locked the pledge."""
    if pledge.household_limit is None:
        return None
    pair = (pledge.id, household_id)
    return max(0, pledge.household_limit - load_given(session, {pair}).get(pair, 0))
