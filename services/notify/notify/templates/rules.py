"""Rules of templates: which regions may have words of their own, and who may read them."""

from chassis.http.auth import Caller

REGION_LENGTHS = (0, 2, 4, 6)
"""Lengths of the region codes that may have words of their own: country, province, city, county."""


def list_enclosing_regions(region: str) -> list[str]:
    """List the regions whose words may hold in this one, the nearest first."""
    return [region[:length] for length in reversed(REGION_LENGTHS) if length <= len(region)]


def may_read(caller: Caller, region: str) -> bool:
    """Tell whether the caller manages or audits the region, a region around it or a part of it."""
    return caller.reads(region) or any(part.startswith(region) for part in (*caller.regions, *caller.audited_regions))
