"""Filters shared by the lists of needs and pledges, and the bounds of a quantity."""

from chassis.http.fields import Category, Region
from chassis.http.pagination import PageIn

QUANTITY = (1, 10**9)
"""The least and the greatest quantity that may be asked for or pledged."""


class HallIn(PageIn):
    # No village: the answers mask it, and asking village by village would reveal it.
    region = Region((0, 2, 4, 6, 9), load_default="")
    category = Category()
