"""Rules of the settings of verification: which of them hold in a region, and who may read them. No rule needs a database."""

from collections.abc import Mapping
from dataclasses import dataclass

from chassis.http.auth import Caller
from needs.review_settings.model import ReviewSettings

REGION_LENGTHS = (0, 2, 4, 6)
"""Lengths of the region codes that may have settings of their own: country, province, city, county."""
COUNTY_ABOVE, SAMPLE_PER_MILLE = 2_000_000, 100
"""The settings of the software: 20,000 yuan, and one need of ten."""


@dataclass(frozen=True)
class InForce:
    """The settings that hold in a region: a value in fen, and a share of a thousand."""

    county_above: int = COUNTY_ABOVE
    sample_per_mille: int = SAMPLE_PER_MILLE


def list_enclosing_regions(region: str) -> list[str]:
    """List the regions whose settings may hold in this one, the narrowest first."""
    return [region[:length] for length in reversed(REGION_LENGTHS) if length <= len(region)]


def choose_settings(region: str, made: Mapping[str, ReviewSettings]) -> InForce:
    """Return the settings of a region: each as the nearest region has made it, else that of the software."""
    around = [made[code] for code in list_enclosing_regions(region) if code in made]
    above = next((one.county_above for one in around if one.county_above is not None), COUNTY_ABOVE)
    share = next((one.sample_per_mille for one in around if one.sample_per_mille is not None), SAMPLE_PER_MILLE)
    return InForce(above, share)


def may_read(caller: Caller, region: str) -> bool:
    """Tell whether the caller manages or audits the region, a region around it or a part of it."""
    return caller.reads(region) or any(part.startswith(region) for part in (*caller.regions, *caller.audited_regions))
