"""Rules that follow from a refusal, for its one pledge.

`too_far` excludes the county of the need, and for a pledge to one county its township. It excludes nothing for a pledge to one township:
the match showed no narrower region, so its pledger judged none. `does_not_fit` excludes the item, if the pledge is for a group of items.
`out_of_stock` and `changed_my_mind` pause the pledge. Any other reason only bars the refused pair.
"""

from dataclasses import dataclass

PAUSING_REASONS = ("out_of_stock", "changed_my_mind")
AREA_LENGTHS = (6, 9)
"""Lengths of the region codes that a rule may exclude; the first one narrower than the pledge's scope is taken."""


@dataclass(frozen=True)
class Consequence:
    """A region or a category to exclude; without a region (None) the pledge is paused."""

    region: str | None = ""
    category: str = ""

    @property
    def pauses(self) -> bool:
        return self.region is None


def derive_consequence(reason: str, *, region: str, category: str, scope: str, pledged_category: str) -> Consequence | None:
    """Derive what follows for a pledge from the refusal of a match in this region and category; None if nothing does."""
    if reason in PAUSING_REASONS:
        return Consequence(region=None)
    if reason == "too_far" and (area := find_excluded_area(region, scope)):
        return Consequence(region=area)
    if reason == "does_not_fit" and category != pledged_category:
        return Consequence(category=category)
    return None


def find_excluded_area(region: str, scope: str) -> str:
    """Return the area around a region that a rule excludes for a pledge of this scope; empty where nothing is narrower than the scope."""
    return region[: next((length for length in AREA_LENGTHS if len(scope) < length <= len(region)), 0)]
