"""Rules for weights, without a database."""

from datetime import timedelta

import pytest

from chassis.http.auth import Caller
from matching.allocation.score import DEFAULT, Weights
from matching.weights.rules import DEFAULTS, RegionalWeights, find_wrong_fields, list_enclosing_regions, may_read, parse_weights

from .unbound import AT, CITY, COUNTY, VILLAGE, agent, caller, city, county, stranger


def test_weights_of_the_narrowest_region_hold() -> None:
    own, wide = Weights(version=2), Weights(version=3)
    weights = RegionalWeights({"": DEFAULT, CITY: wide, COUNTY: own})
    assert weights.of(VILLAGE) == (COUNTY, own)
    assert weights.of("510904001001") == (CITY, wide)
    assert weights.of("110101001001") == ("", DEFAULT)
    assert RegionalWeights({"": DEFAULT, COUNTY: own}).of(VILLAGE) == (COUNTY, own)
    assert DEFAULTS.of(VILLAGE) == ("", DEFAULT)


def test_regions_enclose_from_county_to_country() -> None:
    assert list_enclosing_regions(VILLAGE) == [COUNTY, CITY, "51", ""]
    assert list_enclosing_regions(CITY) == [CITY, "51", ""]


@pytest.mark.parametrize(
    ("who", "reads"), [(county, True), (city, True), (agent, True), (caller(""), True), (stranger, False), (caller(), False)]
)
def test_managers_of_a_region_or_of_its_parts_read_weights(who: Caller, reads: bool) -> None:
    assert may_read(who, COUNTY) == reads


@pytest.mark.parametrize(
    ("later", "wrong"),
    [
        (None, []),
        (timedelta(0), []),
        (timedelta(days=366), []),
        (timedelta(seconds=-1), ["valid_from"]),
        (timedelta(days=366) + timedelta(seconds=1), ["valid_from"]),
    ],
)
def test_weights_begin_within_a_year(later: timedelta | None, wrong: list[str]) -> None:
    assert find_wrong_fields(DEFAULT, None if later is None else AT + later, AT) == wrong


def test_out_of_bounds_weights_are_named() -> None:
    assert find_wrong_fields(Weights(nearer=-1), AT - timedelta(days=1), AT) == ["nearer", "valid_from"]


def test_weights_of_an_older_release_get_defaults() -> None:
    assert parse_weights({"urgency": 7}, 4) == Weights(version=4, urgency=7)
