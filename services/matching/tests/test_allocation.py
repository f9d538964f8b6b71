"""The best allocation of a batch, as a pure function."""

from collections import Counter
from uuid import UUID, uuid4

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from matching.allocation import Asked, Offered, Share, allocate, keys_of, value_of

VILLAGES = ["510903001001", "510903001002", "510903002001", "510922001001"]
needs = st.builds(
    Asked, st.uuids(version=4), st.sampled_from(["food.rice", "food.oil"]), st.sampled_from(["kg", "l"]), st.sampled_from(VILLAGES),
    st.sampled_from([1, 2, 4]), st.integers(0, 400), st.integers(1, 40),
)  # fmt: skip
keys = st.tuples(
    st.sampled_from(["food", "food.rice", "food.oil"]), st.sampled_from(["kg", "l"]), st.sampled_from(["", "5109", "510903", VILLAGES[0]])
)
pledges = st.builds(Offered, st.uuids(version=4), keys, st.integers(1, 60))


def asked(rest: int = 10, urgency: int = 1, region: str = VILLAGES[0], days: int = 0, category: str = "food.rice") -> Asked:
    return Asked(uuid4(), category, "kg", region, urgency, days, rest)


def offered(rest: int = 10, category: str = "food.rice", scope: str = "5109") -> Offered:
    return Offered(uuid4(), (category, "kg", scope), rest)


def test_the_more_urgent_need_goes_first() -> None:
    calm, urgent, pledge = asked(), asked(urgency=4), offered()
    assert allocate([calm, urgent], [pledge]) == [Share(urgent.id, pledge.id, 10)]


def test_of_two_equal_needs_the_one_that_waits_longer_goes_first() -> None:
    new, old, pledge = asked(), asked(days=9), offered()
    assert allocate([new, old], [pledge]) == [Share(old.id, pledge.id, 10)]


def test_the_nearest_pledge_is_used_so_that_the_wide_one_is_kept_for_others() -> None:
    need, wide, near = asked(), offered(scope=""), offered(scope=VILLAGES[0][:9])
    assert allocate([need], [wide, near]) == [Share(need.id, near.id, 10)]


def test_a_need_may_be_met_by_many_and_a_pledge_may_help_many() -> None:
    big, small, first, second = asked(rest=15), asked(rest=3), offered(rest=10), offered(rest=8)
    shares = allocate([big, small], [first, second])
    assert sum(share.quantity for share in shares) == 18


def test_a_barred_pair_gets_nothing_and_others_do() -> None:
    need, other, pledge = asked(urgency=4), asked(), offered()
    assert allocate([need, other], [pledge], barred={(need.id, pledge.id)}) == [Share(other.id, pledge.id, 10)]
    assert allocate([need], [pledge], barred={(need.id, pledge.id)}) == []


def test_what_does_not_fit_is_left() -> None:
    assert allocate([asked(region="510722001001")], [offered()]) == []
    assert allocate([asked(category="food")], [offered()]) == []
    assert allocate([asked()], [Offered(uuid4(), ("food.rice", "l", "5109"), 5)]) == []


def test_quantities_of_a_thousand_million_are_counted_exactly() -> None:
    shares = allocate([asked(rest=10**9) for _ in range(500)], [offered(rest=10**9) for _ in range(500)])
    assert sum(share.quantity for share in shares) == 500 * 10**9


@given(
    st.lists(needs, max_size=8, unique_by=lambda need: need.id),
    st.lists(pledges, max_size=8, unique_by=lambda pledge: pledge.id),
    st.randoms(),
)
@settings(max_examples=200, deadline=None)
def test_no_allocation_takes_more_than_there_is_and_none_is_better(wanted: list[Asked], free: list[Offered], random: object) -> None:
    barred = {(need.id, pledge.id) for need in wanted for pledge in free if random.random() < 0.2}  # type: ignore[attr-defined]
    shares = allocate(wanted, free, barred)
    given_to: Counter[UUID] = Counter()
    taken_of: Counter[UUID] = Counter()
    for share in shares:
        given_to[share.need] += share.quantity
        taken_of[share.pledge] += share.quantity
        assert (share.need, share.pledge) not in barred
    assert all(given_to[need.id] <= need.rest for need in wanted)
    assert all(taken_of[pledge.id] <= pledge.rest for pledge in free)
    key_of, need_of = {pledge.id: pledge.key for pledge in free}, {need.id: need for need in wanted}
    value = sum(share.quantity * value_of(need_of[share.need], key_of[share.pledge]) for share in shares)
    assert value == best_value(wanted, free, barred)


def best_value(wanted: list[Asked], free: list[Offered], barred: set[tuple[UUID, UUID]]) -> int:
    """The optimum over all pairs, by another road: a linear programme."""
    pairs = [
        (n, p)
        for n, need in enumerate(wanted)
        for p, pledge in enumerate(free)
        if pledge.key in keys_of(need) and (need.id, pledge.id) not in barred
    ]
    if not pairs:
        return 0
    limits = np.zeros((len(wanted) + len(free), len(pairs)))
    for column, (n, p) in enumerate(pairs):
        limits[n, column] = limits[len(wanted) + p, column] = 1
    values = [-value_of(wanted[n], free[p].key) for n, p in pairs]
    return round(-linprog(values, A_ub=limits, b_ub=[one.rest for one in (*wanted, *free)], method="highs").fun)
