"""What is asked of needs and of pledges alike: where and of what, and how much of it there may be."""

from chassis.http.fields import Category, Region
from chassis.http.pagination import PageIn

QUANTITY = {"least": 1, "most": 10**9}


class HallIn(PageIn):
    # Not the village: it is masked in the answers, and asking village by village would tell it.
    region = Region((0, 2, 4, 6, 9), load_default="")
    category = Category()
