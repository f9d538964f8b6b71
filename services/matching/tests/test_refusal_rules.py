"""Rules that follow from a refusal, without a database."""

import pytest

from matching.refusals.rules import Consequence, derive_consequence, find_excluded_area

from .unbound import CITY, COUNTY, TOWN, VILLAGE


@pytest.mark.parametrize(("scope", "area"), [("", COUNTY), (CITY, COUNTY), (COUNTY, TOWN), (TOWN, "")])
def test_excluded_area_is_the_next_inside_the_scope(scope: str, area: str) -> None:
    assert find_excluded_area(VILLAGE, scope) == find_excluded_area(TOWN, scope) == area


@pytest.mark.parametrize(
    ("reason", "scope", "pledged", "expected"),
    [
        ("too_far", CITY, "food", Consequence(region=COUNTY)),
        ("too_far", TOWN, "food", None),
        ("does_not_fit", CITY, "food", Consequence(category="food.rice")),
        ("does_not_fit", CITY, "food.rice", None),
        ("out_of_stock", CITY, "food", Consequence(region=None)),
        ("changed_my_mind", TOWN, "food.rice", Consequence(region=None)),
        ("other", CITY, "food", None),
    ],
)
def test_consequence_depends_on_reason_and_pledge(reason: str, scope: str, pledged: str, expected: Consequence | None) -> None:
    derived = derive_consequence(reason, region=VILLAGE, category="food.rice", scope=scope, pledged_category=pledged)
    assert derived == expected


def test_only_a_consequence_without_region_pauses() -> None:
    assert Consequence(region=None).pauses
    assert not Consequence(region=COUNTY).pauses
    assert not Consequence(category="food.rice").pauses
