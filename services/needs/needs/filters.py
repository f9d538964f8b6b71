"""Filters shared by the lists of needs and pledges, the scope of a pledge, the bounds of a quantity, and the date of goods."""

from typing import Any

from chassis.http.fields import Category, Region
from chassis.http.pagination import PageIn
from chassis.problems import FieldCode

QUANTITY = (1, 10**9)
"""The least and the greatest quantity that may be asked for or pledged."""
BEST_BEFORE = (
    "the earliest date of the goods, which are matched up to five days before; needed for items that the catalogue marks so"
    " (422 `best_before_needed`)"
)
"""The description of the date of goods."""


SCOPES = (0, 2, 4, 6, 9)
"""The lengths of region codes that the public may ask for. Villages are missing: asking one by one would reveal where a need is."""


class HallIn(PageIn):
    region = Region(
        SCOPES,
        load_default="",
        metadata={"description": "itself and all below; a township in which fewer than five households have published needs shows none"},
    )
    category = Category()


class Scope(Region):
    """The region where a pledge may go: a township or a wider one.

    A proposal, or none, for a pledge to one village would reveal which needs are there.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(SCOPES, **options)

    def refuse_length(self, code: str) -> FieldCode:
        """Return the error of a village, which is too narrow."""
        return FieldCode("region_too_narrow")
