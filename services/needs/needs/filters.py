"""Filters shared by the lists of needs and pledges, the scope of a pledge, and the bounds of a quantity."""

from typing import Any

from chassis.http.fields import Category, Region
from chassis.http.pagination import PageIn
from chassis.problems import FieldCode

QUANTITY = (1, 10**9)
"""The least and the greatest quantity that may be asked for or pledged."""


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
