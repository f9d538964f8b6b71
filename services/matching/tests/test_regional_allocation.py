"""Allocation under each county's own weights: they order its own needs and take nothing from another county."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import fields, replace
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from chassis.testing.twins import unguarded
from matching.allocation.score import DEFAULT, MAX_WEIGHT, Demand, Weights, list_fitting_keys, score_unit
from matching.allocation.solver import Share, Supply, allocate, solve_min_cost_flow
from matching.weights.regional_allocation import allocate_by_region, find_pairs_below_threshold
from matching.weights.rules import DEFAULTS, RegionalWeights

from .test_allocation import asked, needs, offered, pledges

COUNTY, NEIGHBOUR = "510903", "510922"
HERE, THERE = "510903001001", "510922001001"
NAMES = [one.name for one in fields(Weights) if one.name not in {"version", "threshold"}]
EQUAL = Weights(**dict.fromkeys(NAMES, 0))
own_weights = (
    st.builds(Weights, **{name: st.integers(0, MAX_WEIGHT) for name in NAMES}, threshold=st.integers(1, 30_000))
    .map(lambda one: replace(one, splitting=min(one.splitting, one.urgency)))
    .map(lambda one: replace(one, threshold=min(one.threshold, 1 + one.urgency + one.exact)))
)


def sets(**by_region: Weights) -> RegionalWeights:
    return RegionalWeights({"": DEFAULT} | {region.removeprefix("of"): weights for region, weights in by_region.items()})


def shared(needs: Sequence[Demand], pledges: Sequence[Supply], by: RegionalWeights) -> list[Share]:
    return allocate_by_region(needs, pledges, {}, by, find_pairs_below_threshold(needs, pledges, by))


def bidding(needs: Sequence[Demand], pledges: Sequence[Supply], by: RegionalWeights) -> list[Share]:
    """One flow in which every need is worth what its own region says: counties bid against each other."""
    arcs = [
        (row, index, score_unit(need, pledge.key, 1, by.of(need.region)[1], pledge.reliability, pledge.extra).value)
        for row, need in enumerate(needs)
        for index, pledge in enumerate(pledges)
        if pledge.key in list_fitting_keys(need)
    ]
    flows = solve_min_cost_flow([need.rest for need in needs], [pledge.rest for pledge in pledges], arcs)
    return [Share(needs[row].id, pledges[index].id, flow) for (row, index, _), flow in zip(arcs, flows, strict=True) if flow]


def got(shares: Sequence[Share], needs: Sequence[Demand], inside: bool) -> Counter[tuple[UUID, UUID]]:
    """Return the shares of the county's needs, or of all other needs."""
    region_of = {need.id: need.region for need in needs}
    total: Counter[tuple[UUID, UUID]] = Counter()
    for share in shares:
        if region_of[share.need].startswith(COUNTY) == inside:
            total[share.need, share.pledge] += share.quantity
    return total


@settings(deadline=None, max_examples=150)
@given(st.lists(needs, min_size=1, max_size=8), st.lists(pledges, min_size=1, max_size=8), own_weights)
def test_county_weights_change_nothing_for_other_counties(needs: list[Demand], pledges: list[Supply], weights: Weights) -> None:
    weights = replace(weights, threshold=1)
    plain, own = shared(needs, pledges, DEFAULTS), shared(needs, pledges, sets(of510903=weights))
    assert got(plain, needs, inside=False) == got(own, needs, inside=False)
    before, after = Counter[UUID](), Counter[UUID]()
    for total, pairs in ((before, got(plain, needs, inside=True)), (after, got(own, needs, inside=True))):
        for (_, pledge), quantity in pairs.items():
            total[pledge] += quantity
    assert after <= before


@settings(deadline=None, max_examples=100)
@given(st.lists(needs, min_size=1, max_size=8), st.lists(pledges, min_size=1, max_size=8), own_weights, own_weights)
def test_sharing_respects_quantities_and_thresholds(needs: list[Demand], pledges: list[Supply], city: Weights, county: Weights) -> None:
    by = sets(of5109=city, of510903=county)
    shares = shared(needs, pledges, by)
    low = find_pairs_below_threshold(needs, pledges, by)
    key_of = {pledge.id: pledge.key for pledge in pledges}
    for side, rests in (("need", {need.id: need.rest for need in needs}), ("pledge", {pledge.id: pledge.rest for pledge in pledges})):
        total: Counter[UUID] = Counter()
        for share in shares:
            total[getattr(share, side)] += share.quantity
        assert all(total[one] <= rests[one] for one in total)
    assert not low & {(share.need, key_of[share.pledge]) for share in shares}


@pytest.mark.parametrize(
    "share",
    [
        shared,
        unguarded(bidding, "without separate shares the highest weights win"),
    ],
)
def test_heavy_weights_do_not_outbid_a_neighbour_county(share: object) -> None:
    mine, urgent = structs.replace(asked(), region=HERE), structs.replace(asked(urgency=4), region=THERE)
    wide = offered(scope="51")
    shares = share([mine, urgent], [wide], sets(of510903=Weights(urgency=MAX_WEIGHT, village=MAX_WEIGHT)))  # type: ignore[operator]
    assert [one.need for one in shares] == [urgent.id]


def test_low_urgency_weights_win_nothing_from_the_province() -> None:
    urgent, calm, neighbour = asked(urgency=4), asked(days=300), structs.replace(asked(urgency=2), region=THERE)
    near, wide = offered(scope=COUNTY), offered(scope="51")
    for weights in (DEFAULT, replace(EQUAL, waiting_day=100), EQUAL):
        shares = shared([urgent, calm, neighbour], [near, wide], sets(of510903=weights))
        assert (neighbour.id, wide.id) in got(shares, [urgent, calm, neighbour], inside=False)


def test_county_weights_order_its_own_needs() -> None:
    urgent, patient, pledge = asked(urgency=2), asked(days=300), offered()
    [share] = shared([urgent, patient], [pledge], DEFAULTS)
    assert share.need == urgent.id
    [share] = shared([urgent, patient], [pledge], sets(of510903=replace(DEFAULT, urgency=100, waiting_day=500)))
    assert share.need == patient.id
    assert share.parts["waiting"] == 150_000
    assert share.lead == 300 * 500 - 100


def test_narrower_weights_override_wider_ones() -> None:
    by = sets(of51=Weights(version=2), of510903=Weights(version=3))
    assert [by.of(region)[0] for region in (HERE, COUNTY, THERE, "51", "330106001001", "")] == ["510903", "510903", "51", "51", "", ""]


def test_threshold_defers_only_the_countys_own_needs() -> None:
    ordinary, urgent, neighbour = asked(), asked(urgency=2), structs.replace(asked(), region=THERE)
    high = replace(DEFAULT, threshold=10_051)
    pledge = offered(rest=30, category="food", scope="51")
    by = sets(of510903=replace(high, **dict.fromkeys(("hardness", "first_help", "nearer", "reliability"), 0)))
    assert find_pairs_below_threshold([ordinary, urgent, neighbour], [pledge], by) == {(ordinary.id, pledge.key)}
    assert {one.need for one in shared([ordinary, urgent, neighbour], [pledge], by)} == {urgent.id, neighbour.id}


@settings(deadline=None, max_examples=60)
@given(st.lists(needs, min_size=1, max_size=8), st.lists(pledges, min_size=1, max_size=8))
def test_equal_weights_still_share_out_everything(needs: list[Demand], pledges: list[Supply]) -> None:
    free = [structs.replace(one, extra=0) for one in pledges]
    most = allocate(needs, free)
    equal = allocate_by_region(needs, free, [], RegionalWeights({"": EQUAL, COUNTY: EQUAL}))
    assert sum(one.quantity for one in equal) >= sum(one.quantity for one in most)


def test_largest_pledge_is_shared_under_the_greatest_weights() -> None:
    greatest = Weights(**dict.fromkeys(NAMES, MAX_WEIGHT))
    many = [asked(rest=10**9, urgency=4, days=365) for _ in range(3)]
    pledge = offered(rest=10**9)
    for by in (DEFAULTS, RegionalWeights({"": greatest}), sets(of510903=greatest)):
        assert sum(one.quantity for one in shared([*many, asked(rest=1)], [pledge], by)) == 10**9


def test_a_need_that_nothing_fits_gets_nothing_and_takes_nothing() -> None:
    stranger, need, pledge = asked(category="help.other"), asked(), offered()
    assert [one.need for one in shared([stranger, need], [pledge], sets(of510903=EQUAL))] == [need.id]
