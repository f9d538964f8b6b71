"""The best allocation of a batch, as a pure function."""

from collections import Counter
from uuid import UUID, uuid4

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from scipy.optimize import linprog

from matching.allocation.score import DEFAULT, Demand, Weights, list_fitting_keys, score_unit
from matching.allocation.solver import Share, Supply, allocate

NAMES = ("urgency", "waiting_day", "nearer", "exact", "village", "floor", "household", "first_help", "hardness", "reliability", "splitting")
VILLAGES = ["510903001001", "510903001002", "510903002001", "510922001001"]
needs = st.builds(
    Demand, st.uuids(version=4), st.sampled_from(["food.rice", "food.oil"]), st.sampled_from(["kg", "l"]), st.sampled_from(VILLAGES),
    st.sampled_from([1, 2, 4]), st.integers(0, 400), st.integers(1, 40),
)  # fmt: skip
keys = st.tuples(
    st.sampled_from(["food", "food.rice", "food.oil"]), st.sampled_from(["kg", "l"]), st.sampled_from(["", "5109", "510903", VILLAGES[0]])
)
pledges = st.builds(Supply, st.uuids(version=4), keys, st.integers(1, 60), st.integers(0, 4), st.sampled_from([0, 0, 7]))


def asked(rest: int = 10, urgency: int = 1, region: str = VILLAGES[0], days: int = 0, category: str = "food.rice") -> Demand:
    return Demand(uuid4(), category, "kg", region, urgency, days, rest)


def offered(rest: int = 10, category: str = "food.rice", scope: str = "5109") -> Supply:
    return Supply(uuid4(), (category, "kg", scope), rest)


def test_the_more_urgent_need_goes_first() -> None:
    calm, urgent, pledge = asked(), asked(urgency=4), offered()
    assert allocate([calm, urgent], [pledge]) == [Share(urgent.id, pledge.id, 10)]


def test_of_two_equal_needs_the_one_that_waits_longer_goes_first() -> None:
    new, old, pledge = asked(), asked(days=9), offered()
    assert allocate([new, old], [pledge]) == [Share(old.id, pledge.id, 10)]


def test_nearest_pledge_is_used_and_wide_one_kept_for_others() -> None:
    need, wide, near = asked(), offered(scope=""), offered(scope=VILLAGES[0][:9])
    assert allocate([need], [wide, near]) == [Share(need.id, near.id, 10)]


def test_a_need_may_be_met_by_many_and_a_pledge_may_help_many() -> None:
    big, small, first, second = asked(rest=15), asked(rest=3), offered(rest=10), offered(rest=8)
    shares = allocate([big, small], [first, second])
    assert sum(share.quantity for share in shares) == 18


def test_a_barred_pair_gets_nothing_and_others_do() -> None:
    need, other, pledge = asked(urgency=4), asked(), offered()
    assert allocate([need, other], [pledge], barred={pledge.id: frozenset({need.id})}) == [Share(other.id, pledge.id, 10)]
    assert allocate([need], [pledge], barred={pledge.id: frozenset({need.id})}) == []


def test_a_pledge_kept_for_the_urgent_goes_to_nobody_else_yet() -> None:
    calm, urgent, free = asked(), asked(urgency=2, rest=4), offered(rest=3)
    kept = replace(offered(rest=10), min_urgency=2)
    assert set(allocate([calm], [kept, free])) == {Share(calm.id, free.id, 3)}
    assert sum(share.quantity for share in allocate([calm, urgent], [kept]) if share.need == urgent.id) == 4
    assert sum(share.quantity for share in allocate([calm, urgent], [kept, free])) == 7


def test_what_does_not_fit_is_left() -> None:
    assert allocate([asked(region="510722001001")], [offered()]) == []
    assert allocate([asked(category="food")], [offered()]) == []
    assert allocate([asked()], [Supply(uuid4(), ("food.rice", "l", "5109"), 5)]) == []


def test_quantities_of_a_thousand_million_are_counted_exactly() -> None:
    shares = allocate([asked(rest=10**9) for _ in range(500)], [offered(rest=10**9) for _ in range(500)])
    assert sum(share.quantity for share in shares) == 500 * 10**9


@given(
    st.lists(needs, max_size=8, unique_by=lambda need: need.id),
    st.lists(pledges, max_size=8, unique_by=lambda pledge: pledge.id),
    st.randoms(),
)
@settings(max_examples=200, deadline=None)
def test_allocation_is_feasible_and_optimal(wanted: list[Demand], free: list[Supply], random: object) -> None:
    barred = {pledge.id: frozenset(need.id for need in wanted if random.random() < 0.2) for pledge in free}  # type: ignore[attr-defined]
    shares = allocate(wanted, free, barred)
    given_to: Counter[UUID] = Counter()
    taken_of: Counter[UUID] = Counter()
    for share in shares:
        given_to[share.need] += share.quantity
        taken_of[share.pledge] += share.quantity
        assert share.need not in barred[share.pledge]
    assert all(given_to[need.id] <= need.rest for need in wanted)
    assert all(taken_of[pledge.id] <= pledge.rest for pledge in free)
    worth = values(wanted, free, barred)
    assert all(worth[share.need, share.pledge] == share.value for share in shares)
    assert sum(share.quantity * share.value for share in shares) == best_value(wanted, free, worth)
    assert all(share.lead is None or share.lead >= 0 for share in shares)


def values(wanted: list[Demand], free: list[Supply], barred: dict[UUID, frozenset[UUID]]) -> dict[tuple[UUID, UUID], int]:
    """Return the value of a unit for every fitting pair, pair by pair."""
    offered_keys = {pledge.key for pledge in free}
    worth = {}
    for need in wanted:
        fitting = set(list_fitting_keys(need)) & offered_keys
        for pledge in free:
            if pledge.key in fitting and need.id not in barred[pledge.id]:
                worth[need.id, pledge.id] = score_unit(need, pledge.key, len(fitting), DEFAULT, pledge.reliability, pledge.extra).value
    return worth


def best_value(wanted: list[Demand], free: list[Supply], worth: dict[tuple[UUID, UUID], int]) -> int:
    """The optimum over all pairs, by another road: a linear programme."""
    if not worth:
        return 0
    row = {one.id: place for place, one in enumerate([*wanted, *free])}
    limits = np.zeros((len(row), len(worth)))
    for column, pair in enumerate(worth):
        limits[row[pair[0]], column] = limits[row[pair[1]], column] = 1
    costs = [-value for value in worth.values()]
    return round(-linprog(costs, A_ub=limits, b_ub=[one.rest for one in (*wanted, *free)], method="highs").fun)


def test_what_is_worth_less_than_the_threshold_gets_nothing() -> None:
    calm, urgent = asked(), asked(urgency=2)
    high = Weights(threshold=20_000)
    assert {share.need for share in allocate([calm, urgent], [offered(rest=20)], weights=high)} == {urgent.id}


def test_weights_that_make_everything_equal_leave_nothing_lying() -> None:
    equal = Weights(**dict.fromkeys(NAMES, 0))
    shares = allocate([asked(urgency=4), asked(category="food.oil")], [offered(category="food"), offered(scope="")], weights=equal)
    assert sum(share.quantity for share in shares) == 20


def test_few_matches_arise_from_pledges_that_are_alike() -> None:
    three, seven, ten = asked(rest=3), asked(rest=7), asked(rest=10)
    first, second, third = offered(rest=10), offered(rest=3), offered(rest=7)
    shares = allocate([three, seven, ten], [first, second, third])
    assert {(share.need, share.pledge) for share in shares} == {(three.id, second.id), (seven.id, third.id), (ten.id, first.id)}


def test_a_small_need_leaves_the_big_pledge_whole() -> None:
    small, big, little = asked(rest=4), offered(rest=100), offered(rest=5)
    assert allocate([small], [big, little]) == [Share(small.id, little.id, 4)]


def test_of_equal_pledges_the_first_given_is_taken() -> None:
    need, old, new = asked(), offered(), offered()
    assert allocate([need], [old, new]) == [Share(need.id, old.id, 10)]


def test_the_more_reliable_pledger_is_asked_first() -> None:
    need, doubtful, reliable = asked(), Supply(uuid4(), ("food.rice", "kg", "5109"), 10, reliability=0), offered()
    assert allocate([need], [doubtful, reliable]) == [Share(need.id, reliable.id, 10)]


def test_what_costs_less_beside_is_taken_first() -> None:
    need, dear, cheap = asked(), Supply(uuid4(), ("food.rice", "kg", "5109"), 10, extra=9), offered()
    assert allocate([need], [dear, cheap]) == [Share(need.id, cheap.id, 10)]


def test_pair_costs_restrict_matching_to_listed_pairs() -> None:
    here, there, one, other = asked(), asked(), offered(), offered()
    costs = {(here.id, one.id): 5, (here.id, other.id): 3, (there.id, one.id): 5}
    shares = allocate([here, there], [one, other], costs=costs)
    assert {(share.need, share.pledge) for share in shares} == {(here.id, other.id), (there.id, one.id)}
    assert {share.parts["extra"] for share in shares} == {-3, -5}


def test_the_lead_is_over_the_best_of_those_who_got_nothing() -> None:
    first, second, third = asked(urgency=4), asked(urgency=2), asked()
    [share] = allocate([third, second, first], [offered()])
    assert (share.need, share.lead) == (first.id, 20_000)
    [share] = allocate([first], [offered(rest=4)])
    assert share.lead is None
    assert all(share.lead is None for share in allocate([first, second], [offered(rest=30)]))
