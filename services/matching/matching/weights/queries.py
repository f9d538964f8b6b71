"""Queries for weights in force: those of the county, else of its city, its province, the country, else the defaults."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from chassis.data.bulk_sql import encode_array
from chassis.http.auth import Caller
from chassis.problems import not_found
from matching.allocation.score import DEFAULT
from matching.weights import rules
from matching.weights.model import WeightSet
from matching.weights.rules import RegionalWeights, list_enclosing_regions, parse_weights

MOST_SHOWN = 50
FIRST_VERSION = {"": DEFAULT.version}
"""The version of a region that has set nothing: the country's first is the defaults."""

# The latest version of each region that holds at a moment. It replaces all versions before it, also those that would begin later.
# Raw SQL: every clearing runs it, and DISTINCT ON with the array parameter costs the least.
_IN_FORCE = text(
    "SELECT DISTINCT ON (region) * FROM weights"
    " WHERE region = ANY(CAST(:regions AS text[])) AND valid_from <= :at ORDER BY region, version DESC"
)


def load_weights_in_force(session: Session, regions: Iterable[str], at: datetime) -> RegionalWeights:
    """Load the weights that hold at a moment in any of these regions."""
    listed = sorted({wider for region in regions for wider in list_enclosing_regions(region)})
    rows = session.execute(_IN_FORCE, {"regions": encode_array(listed), "at": at})
    return RegionalWeights({"": DEFAULT} | {row.region: parse_weights(row.weights, row.version) for row in rows})


def find_weight_set_in_force(session: Session, region: str, at: datetime) -> Any:
    """Find the row that holds in a region, of whatever region it is; None when the defaults hold."""
    rows = {row.region: row for row in session.execute(_IN_FORCE, {"regions": list_enclosing_regions(region), "at": at})}
    return next((rows[own] for own in list_enclosing_regions(region) if own in rows), None)


def list_history(session: Session, caller: Caller, region: str) -> Sequence[WeightSet]:
    """List the versions that a region has set, the newest first. Raises `not_found` for a caller who may not read them."""
    if not rules.may_read(caller, region):
        raise not_found()
    query = select(WeightSet).where(WeightSet.region == region).order_by(WeightSet.version.desc()).limit(MOST_SHOWN)
    return session.scalars(query).all()


def find_latest_set(session: Session, region: str) -> WeightSet:
    """Find the last version that a region has set; an empty one at the first version when it has set none."""
    query = select(WeightSet).where(WeightSet.region == region).order_by(WeightSet.version.desc()).limit(1)
    return session.scalars(query).first() or WeightSet(version=FIRST_VERSION.get(region, 0))
