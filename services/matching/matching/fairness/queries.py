"""Query for the recent help of the villages and households of a clearing's needs."""

from collections.abc import Collection
from datetime import date
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import text
from sqlalchemy.orm import Session

from chassis.data.bulk_sql import encode_array
from chassis.data.database import now

# One JSON document: reading single rows would take longer than finding them.
_RECENT_HELP = text(
    """
    SELECT CAST(json_build_object('villages', coalesce(villages, '{}'), 'households', coalesce(households, '{}')) AS text)
    FROM (
        SELECT json_object_agg(region, json_build_array(needs, helped)) AS villages FROM (
            SELECT region, sum(needs) AS needs, sum(helped) AS helped FROM fared
            WHERE region = ANY(CAST(:regions AS text[])) AND quarter >= :since GROUP BY region
        ) AS village
    ) AS of_villages, (
        SELECT json_object_agg(household_id, helped) AS households FROM (
            SELECT household_id, count(*) AS helped FROM counted_needs
            WHERE is_helped AND household_id = ANY(CAST(:households AS uuid[])) AND quarter >= :since GROUP BY household_id
        ) AS household
    ) AS of_households
    """
)


class RecentHelp(msgspec.Struct, frozen=True):
    """Help in this quarter and the one before: (published needs, helped needs) by village, and helped needs by household.

    Villages and households without counted needs are missing.
    """

    villages: dict[str, tuple[int, int]]
    households: dict[UUID, int]


def load_recent_help(session: Session, needs: Collection[Any]) -> RecentHelp:
    """Load the recent help of the villages and households of these needs."""
    asked = {"regions": encode_array({row.region for row in needs}), "households": encode_array({row.household_id for row in needs})}
    return msgspec.json.decode(session.scalar(_RECENT_HELP, asked | {"since": _since()}) or "", type=RecentHelp)


def _since() -> date:
    today = now().date()
    quarters = 4 * today.year + (today.month - 1) // 3 - 1
    return date(quarters // 4, quarters % 4 * 3 + 1, 1)
