"""Which weights hold where: those of the county, else of its city, its province, the country; else those the software came with."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from chassis.data.bulk_sql import array
from matching.allocation.score import DEFAULT, Weights

REGION_LENGTHS = (0, 2, 4, 6)
"""The lengths of region codes that may have weights of their own."""

# A later version takes the place of all before it, also of those that were to hold later still.
_IN_FORCE = text(
    "SELECT DISTINCT ON (region) * FROM weights"
    " WHERE region = ANY(CAST(:regions AS text[])) AND valid_from <= :at ORDER BY region, version DESC"
)


@dataclass(frozen=True)
class RegionalWeights:
    """The weights in force, by the region that set them; "" is always among them."""

    by_region: Mapping[str, Weights]

    def of(self, region: str) -> tuple[str, Weights]:
        """What holds in a region, and whose it is."""
        if len(self.by_region) == 1:
            return "", self.by_region[""]
        return next((own, self.by_region[own]) for own in list_enclosing_regions(region) if own in self.by_region)


DEFAULTS = RegionalWeights({"": DEFAULT})


def list_enclosing_regions(region: str) -> list[str]:
    """The regions whose weights may hold there, the narrowest first."""
    return [region[:length] for length in reversed(REGION_LENGTHS) if length <= len(region)]


def find_weight_set_in_force(session: Session, region: str, at: datetime) -> Any:
    """The row of the version that holds in a region, whichever region's it is; None when it is what the software came with."""
    rows = {row.region: row for row in session.execute(_IN_FORCE, {"regions": list_enclosing_regions(region), "at": at})}
    return next((rows[own] for own in list_enclosing_regions(region) if own in rows), None)


def load_weights_in_force(session: Session, regions: Iterable[str], at: datetime) -> RegionalWeights:
    """The weights that hold at a moment in any of the regions."""
    listed = sorted({wider for region in regions for wider in list_enclosing_regions(region)})
    rows = session.execute(_IN_FORCE, {"regions": array(listed), "at": at})
    return RegionalWeights({"": DEFAULT} | {row.region: parse_weights(row.weights, row.version) for row in rows})


def parse_weights(stored: Mapping[str, Any], version: int) -> Weights:
    """A weight that came with a later release than the set counts as the software has it."""
    return replace(DEFAULT, **stored, version=version)
