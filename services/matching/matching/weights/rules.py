"""Rules for weights: their readers, their bounds, and the regions whose weights hold somewhere."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from chassis.http.auth import Caller
from matching.allocation.score import DEFAULT, Weights

REGION_LENGTHS = (0, 2, 4, 6)
"""Lengths of the region codes that may have weights of their own: country, province, city, county."""
LONGEST_AHEAD = timedelta(days=366)


@dataclass(frozen=True)
class RegionalWeights:
    """The weights in force, by the region that set them; "" (the country) is always among them."""

    by_region: Mapping[str, Weights]

    def of(self, region: str) -> tuple[str, Weights]:
        """Return the weights that hold in a region, and the region that set them."""
        if len(self.by_region) == 1:
            return "", self.by_region[""]
        return next((own, self.by_region[own]) for own in list_enclosing_regions(region) if own in self.by_region)


DEFAULTS = RegionalWeights({"": DEFAULT})


def list_enclosing_regions(region: str) -> list[str]:
    """List the regions whose weights may hold in this one, the narrowest first."""
    return [region[:length] for length in reversed(REGION_LENGTHS) if length <= len(region)]


def may_read(caller: Caller, region: str) -> bool:
    """Tell whether the caller manages or audits the region, a region around it or a part of it."""
    return caller.reads(region) or any(part.startswith(region) for part in (*caller.regions, *caller.audited_regions))


def find_wrong_fields(weights: Weights, valid_from: datetime | None, at: datetime) -> list[str]:
    """List the fields that are out of bounds: weights, or a beginning in the past or more than a year ahead."""
    is_wrong = valid_from is not None and not at <= valid_from <= at + LONGEST_AHEAD
    return [*weights.out_of_bounds(), *(["valid_from"] if is_wrong else [])]


def parse_weights(stored: Mapping[str, Any], version: int) -> Weights:
    """Parse stored weights. A weight that a later release added has its default value."""
    return replace(DEFAULT, **stored, version=version)
