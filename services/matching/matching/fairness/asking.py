"""What a clearing asks: how the villages and households of its needs have fared lately."""

from collections.abc import Collection
from datetime import date
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import text
from sqlalchemy.orm import Session

from chassis.database import now

# One probe of the index for each, and one document for all of them: rows one by one would take longer to read than to find.
_FARED = text(
    """
    SELECT CAST(json_object_agg(whose, json_build_array(needs, helped)) AS text)
    FROM unnest(CAST(:whose AS text[])) AS asked (whose), LATERAL (
        SELECT sum(needs) AS needs, sum(helped) AS helped FROM fared
        WHERE fared.whose = asked.whose COLLATE "C" AND quarter >= :since HAVING count(*) > 0
    ) AS lately
    """
)


class Fared(NamedTuple):
    """Needs published in this quarter and the one before, and how many of them are helped."""

    needs: int
    helped: int


NOTHING = Fared(0, 0)


def fared(session: Session, needs: Collection[Any]) -> dict[str, Fared]:
    """By village code and by household id; without those of which nothing is counted yet."""
    whose = {row.region for row in needs} | {str(row.household_id) for row in needs}
    found = session.scalar(_FARED, {"whose": "{" + ",".join(whose) + "}", "since": _since()})
    return msgspec.json.decode(found, type=dict[str, Fared]) if found else {}


def _since() -> date:
    today = now().date()
    quarters = 4 * today.year + (today.month - 1) // 3 - 1
    return date(quarters // 4, quarters % 4 * 3 + 1, 1)
