"""What a clearing asks: how the villages and households of its needs have fared lately."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from matching.balance.days import first_month

MONTHS = 3
"""How many months of publication before the present one count."""

_FARED = text(
    "SELECT whose, CAST(sum(needs) AS bigint), CAST(sum(helped) AS bigint) FROM fared"
    " WHERE whose = ANY(CAST(:whose AS text[])) AND month >= :since GROUP BY whose"
)


@dataclass(frozen=True)
class Fared:
    """Needs published, and how many of them are helped."""

    needs: int
    helped: int


NOTHING = Fared(0, 0)


def fared(session: Session, needs: Collection[Any]) -> dict[str, Fared]:
    """By village code and by household id; without those of which nothing is counted yet."""
    whose = {row.region for row in needs} | {str(row.household_id) for row in needs}
    if not whose:
        return {}
    rows = session.execute(_FARED, {"whose": list(whose), "since": first_month(MONTHS)})
    return {whose: Fared(needs, helped) for whose, needs, helped in rows}
