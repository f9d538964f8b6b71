"""Rules of a clearing, without a database: eligibility, and what is left after an allocation."""

from dataclasses import dataclass, field
from uuid import UUID, uuid4

import pytest

from matching.allocation.score import Demand
from matching.allocation.solver import Share
from matching.clearing.candidates import CandidatePledge
from matching.clearing.rules import UNLIMITED, Eligibility, find_left_over, find_unchanged, find_unmet, sum_by_pledge

HERE, THERE = "510903001001", "510921001001"
COUNTY, OTHER_COUNTY = HERE[:6], THERE[:6]
KEY = ("food", "kg", "5109")


@dataclass
class Pair:
    """A barred pair as it is read, with the pledge's key and exclusions."""

    need_id: UUID
    pledge_id: UUID = field(default_factory=uuid4)
    category: str = "food"
    unit: str = "kg"
    scope: str = "5109"
    not_for: list[str] = field(default_factory=list)


@dataclass
class LockedPledge:
    id: UUID
    version: int = 1
    rest: int = 10
    not_for: list[str] = field(default_factory=list)


def need(region: str = HERE, category: str = "food.rice", rest: int = 5) -> Demand:
    return Demand(uuid4(), category, "kg", region, 1, 0, rest)


def pledge(rest: int = 10, not_for: list[str] | None = None) -> CandidatePledge:
    return CandidatePledge(uuid4(), KEY, rest, version=1, not_for=not_for or [])


@pytest.mark.parametrize(
    ("words", "excluded"),
    [
        ([], set()),
        ([COUNTY], {HERE}),
        ([HERE[:9]], {HERE}),
        ([HERE], set()),
        ([OTHER_COUNTY], {THERE}),
        (["food.rice"], {HERE, THERE}),
        (["food.oil"], set()),
    ],
)
def test_pledge_excludes_needs_of_its_areas_and_items(words: list[str], excluded: set[str]) -> None:
    needs = [need(HERE), need(THERE)]
    found = Eligibility(needs, []).excluded_needs(uuid4(), words)
    assert {one.region for one in needs if one.id in found} == excluded


def test_refused_pledge_is_excluded_for_that_need_only() -> None:
    refusing, other = need(), need()
    pair = Pair(refusing.id)
    eligibility = Eligibility([refusing, other], [pair])
    assert eligibility.excluded_needs(pair.pledge_id, []) == {refusing.id}
    assert eligibility.excluded_needs(uuid4(), []) == frozenset()
    refused, free = pledge(), pledge()
    pair.pledge_id = refused.id
    assert Eligibility([refusing, other], [pair]).exclusions_by_pledge([refused, free]) == {refused.id: frozenset({refusing.id})}


def test_pledges_that_exclude_the_same_needs_share_one_set() -> None:
    refusing = need()
    eligibility = Eligibility([refusing, need(THERE)], [Pair(refusing.id)])
    first, second = (eligibility.excluded_needs(uuid4(), words) for words in ([COUNTY], [COUNTY, "510904"]))
    assert first is second
    assert eligibility.excludes_any(["510904", COUNTY])
    assert not eligibility.excludes_any(["510904"])


def test_only_restricted_pledges_are_mapped_to_exclusions() -> None:
    restricted, free = pledge(not_for=[COUNTY]), pledge(not_for=[OTHER_COUNTY])
    one = need(HERE)
    assert Eligibility([one], []).exclusions_by_pledge([restricted, free]) == {restricted.id: frozenset({one.id})}


def test_pledge_that_nobody_may_get_is_useless() -> None:
    refusing, other = need(), need(THERE)
    pair = Pair(refusing.id)
    assert Eligibility([refusing, other], [pair]).useless_pledges() == {}
    assert Eligibility([refusing], [pair]).useless_pledges() == {KEY: [pair.pledge_id]}
    pair.category = "clothing"
    assert Eligibility([refusing, other], [pair]).useless_pledges() == {("clothing", "kg", "5109"): [pair.pledge_id]}
    pair.category, pair.not_for = "food", [OTHER_COUNTY]
    assert Eligibility([refusing, other], [pair]).useless_pledges() == {KEY: [pair.pledge_id]}


def test_demand_sums_needs_and_is_unlimited_after_a_refusal() -> None:
    needs, huge = [need(rest=3), need(THERE, rest=4)], need(rest=10**12)
    assert Eligibility(needs, []).demand_by_key()[KEY] == 7
    assert Eligibility([huge], [Pair(huge.id)]).demand_by_key()[KEY] == UNLIMITED
    assert huge.rest < UNLIMITED < 2**63
    assert Eligibility(needs, [Pair(needs[0].id)]).demand_by_key()["food.rice", "kg", "5109"] == 7


def test_key_worth_too_little_is_not_for_that_need() -> None:
    poor, rich = need(), need()
    eligibility = Eligibility([poor, rich], [], {(poor.id, KEY)})
    assert eligibility.needs_for_key(KEY) == {rich.id}
    assert eligibility.needs_for_key(("food.rice", "kg", "5109")) == {poor.id, rich.id}
    assert eligibility.needs_for_key(("clothing", "kg", "5109")) == set()


def test_distinctions_of_a_key_are_areas_items_and_their_pairs() -> None:
    needs = [need(THERE), need(HERE), need(HERE), need(HERE, "food.oil")]
    assert Eligibility(needs, []).distinctions(KEY) == {
        "areas": [COUNTY, OTHER_COUNTY], "items": ["food.oil", "food.rice"],
        "places": [COUNTY, COUNTY, OTHER_COUNTY], "things": ["food.oil", "food.rice", "food.rice"],
    }  # fmt: skip
    assert Eligibility(needs[:3], []).distinctions(KEY) == {"areas": [COUNTY, OTHER_COUNTY], "items": ["food.rice"]}
    assert Eligibility(needs[1:2], []).distinctions(("food", "kg", COUNTY)) == {"areas": [HERE[:9]], "items": ["food.rice"]}


def test_need_is_unmet_while_it_gets_less_than_it_asks_for() -> None:
    met, partly, nothing = need(rest=5), need(rest=5), need(rest=5)
    shares = [Share(met.id, uuid4(), 2), Share(met.id, uuid4(), 3), Share(partly.id, uuid4(), 4)]
    assert find_unmet([met, partly, nothing], shares) == [partly, nothing]


def test_pledge_is_left_over_until_it_is_used_up() -> None:
    used, partly, untouched = pledge(rest=5), pledge(rest=5), pledge(rest=5)
    shares = [Share(uuid4(), used.id, 2), Share(uuid4(), used.id, 3), Share(uuid4(), partly.id, 4)]
    assert find_left_over([used, partly, untouched], shares) == [partly, untouched]
    assert sum_by_pledge(shares) == {used.id: 5, partly.id: 4}


@pytest.mark.parametrize(
    ("changes", "is_kept"), [({}, True), ({"rest": 7}, True), ({"rest": 6}, False), ({"version": 2}, False), ({"not_for": [COUNTY]}, False)]
)
def test_locked_pledge_is_kept_only_as_it_was_read(changes: dict[str, object], is_kept: bool) -> None:
    read = pledge(rest=10)
    row = LockedPledge(read.id, **changes)  # type: ignore[arg-type]
    assert (read.id in find_unchanged([row], {read.id: read}, {read.id: 7})) is is_kept
