"""The score of a pair, part by part."""

from collections import Counter
from uuid import uuid4

import pytest
from msgspec.structs import replace

from matching.allocation.score import (
    DEFAULT,
    LONGEST_WAIT_DAYS,
    PRIOR_CLASS,
    Demand,
    Weights,
    find_deciding_parts,
    find_least_urgency,
    rank_within_villages,
    score_unit,
)

VILLAGE = "510903001001"
KEY = ("food.rice", "kg", "5109")
CALM = Demand(uuid4(), "food.rice", "kg", VILLAGE, 1, 0, 10)


def value(need: Demand = CALM, key: tuple[str, str, str] = KEY, keys_that_fit: int = 3, reliability: int = PRIOR_CLASS) -> int:
    return score_unit(need, key, keys_that_fit, reliability=reliability).value


@pytest.mark.parametrize(
    "better",
    [
        {"urgency": 2},
        {"waiting_days": 3},
        {"rest": 30},
        {"village_helped": 2},
        {"village_helped": 0},
    ],
)
def test_worth_more_is_who_needs_it_more(better: dict[str, int]) -> None:
    worse = replace(CALM, village_needs=10, village_helped=3)
    assert value(replace(worse, **better)) > value(worse)  # type: ignore[arg-type]


def test_unhelped_household_and_need_score_higher() -> None:
    first, second, third = (value(replace(CALM, household_helped=helped)) for helped in range(3))
    assert first > second > third
    assert value() > value(replace(CALM, is_helped=True))


def test_score_prefers_rare_near_exact_and_reliable_pairs() -> None:
    assert value(keys_that_fit=1) > value(keys_that_fit=2)
    assert value(key=("food.rice", "kg", VILLAGE)) > value() > value(key=("food.rice", "kg", ""))
    assert value() > value(key=("food", "kg", "5109"))
    assert value(reliability=4) > value() > value(reliability=0)


def test_unknown_village_and_household_add_nothing() -> None:
    parts = score_unit(CALM, KEY, 3).parts
    assert (parts["village"], parts["household"]) == (0, 0)
    assert not {"village", "household"} & set(find_deciding_parts(CALM, parts, 0, DEFAULT))


def test_by_default_nothing_outweighs_a_step_of_urgency() -> None:
    least = replace(CALM, urgency=2, village_needs=9, village_helped=9, household_helped=9, is_helped=True, rest=1)
    most = replace(CALM, waiting_days=10**6, rest=10**9, village_needs=9, household_helped=0)
    assert value(least, ("food", "kg", ""), 18, 0) > value(most, ("food.rice", "kg", VILLAGE), 1, 4)


def test_waiting_counts_for_a_year_at_most() -> None:
    assert value(replace(CALM, waiting_days=LONGEST_WAIT_DAYS)) == value(replace(CALM, waiting_days=10**9))


def test_any_pair_that_fits_reaches_the_default_threshold() -> None:
    assert (
        value(replace(CALM, village_needs=9, village_helped=9, household_helped=9, is_helped=True, rest=1), KEY, 18, 0) >= DEFAULT.threshold
    )


def test_the_default_weights_are_sane_and_wild_ones_are_named() -> None:
    assert DEFAULT.out_of_bounds() == []
    assert Weights(urgency=-1, nearer=10**9).out_of_bounds() == ["urgency", "nearer"]
    assert Weights(threshold=0).out_of_bounds() == Weights(threshold=10_052).out_of_bounds() == ["threshold"]


def test_fresh_pledge_is_kept_for_critical_then_urgent_needs() -> None:
    assert [find_least_urgency(lain, hold=3) for lain in (0, 1, 2.9, 3)] == [4, 2, 2, 1]
    assert find_least_urgency(0, hold=0) == 1


def test_no_village_takes_a_whole_clearing() -> None:
    crowd = [replace(CALM, id=uuid4(), village_needs=20) for _ in range(20)]
    few = [replace(CALM, id=uuid4(), region="510903001002", village_needs=20) for _ in range(3)]
    turned = rank_within_villages([*crowd, *few])
    assert [need.id for need in turned] == [need.id for need in [*crowd, *few]]
    best = sorted(turned, key=value, reverse=True)[:6]
    assert Counter(need.region for need in best) == {VILLAGE: 3, "510903001002": 3}


def test_what_decided_is_what_is_worth_more_than_the_lead() -> None:
    need = replace(CALM, urgency=4, waiting_days=40)
    parts = score_unit(need, KEY, 10).parts
    assert find_deciding_parts(need, parts, None, DEFAULT) == ()
    assert find_deciding_parts(need, parts, 30_000, DEFAULT) == ["urgency"]
    assert find_deciding_parts(need, parts, 30_001, DEFAULT) == []
    assert set(find_deciding_parts(need, parts, 80, DEFAULT)) >= {"urgency", "waiting"}
