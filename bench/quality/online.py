"""How good clearing is while needs and pledges keep coming and going: as a share of what who knew all beforehand could have done."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

import numpy as np

from bench.quality.country import Luck, worth
from bench.quality.figures import say
from matching.allocation import Offered, allocate, solve
from matching.score import Asked, keys_of

NEEDS = 3000
SUPPLIES = (0.33, 0.6, 1.0, 1.4)
ARRIVALS = 250
STAYING = 8
"""How many clearings a need and a pledge stay at most: people look elsewhere, goods spoil."""
HELD = 3


@dataclass(frozen=True)
class Season:
    """Needs and pledges with the clearing before which each arrives, and after which it is gone."""

    needs: list[Asked]
    pledges: list[Offered]
    at: dict[UUID, int]
    until: dict[UUID, int]

    @property
    def clearings(self) -> int:
        return max(self.until.values()) + 1


def season(luck: Luck, count: int, supply: float) -> Season:
    needs = [replace(need, waiting_days=0) for need in luck.needs(count)]
    pledges = luck.pledges(int(supply * sum(need.rest for need in needs)))
    everybody = [*needs, *pledges]
    at = {everybody[place].id: order // ARRIVALS for order, place in enumerate(luck.draw.permutation(len(everybody)))}
    until = {id_: moment + int(luck.draw.integers(1, STAYING + 1)) for id_, moment in at.items()}
    return Season(needs, pledges, at, until)


def urgency_met(season: Season, given: Sequence[tuple[UUID, int]]) -> int:
    """What a way of matching is measured by: units times urgency."""
    urgency = {need.id: need.urgency for need in season.needs}
    return sum(urgency[need] * quantity for need, quantity in given)


def optimum(season: Season) -> int:
    """Units times urgency of who knows all beforehand: the best flow over all pairs that are there at the same time.

    The solver is the allocation's own; the bench of clearing holds it against another.
    """
    needs, pledges = season.needs, season.pledges
    pairs = [
        (row, place, needs[row].urgency)
        for row, place, _ in worth(needs, pledges, set())
        if season.at[needs[row].id] <= season.until[pledges[place].id] and season.at[pledges[place].id] <= season.until[needs[row].id]
    ]
    flows = solve([need.rest for need in needs], [pledge.rest for pledge in pledges], pairs)
    return sum(flow * urgency for flow, (_, _, urgency) in zip(flows, pairs, strict=True))


def ours(season: Season, held: int = 0) -> int:
    """A clearing for every `ARRIVALS` arrivals; what is not urgent waits `held` clearings first, unless it would be gone by then."""
    rest = {one.id: one.rest for one in (*season.needs, *season.pledges)}
    given: list[tuple[UUID, int]] = []
    for moment in range(season.clearings):
        open_needs = [
            replace(need, rest=rest[need.id], waiting_days=moment - season.at[need.id], is_helped=rest[need.id] < need.rest)
            for need in season.needs
            if rest[need.id] and _since(season, need, held) <= moment <= season.until[need.id]
        ]
        open_pledges = [
            replace(pledge, rest=rest[pledge.id])
            for pledge in season.pledges
            if rest[pledge.id] and season.at[pledge.id] <= moment <= season.until[pledge.id]
        ]
        for share in allocate(open_needs, open_pledges):
            rest[share.need] -= share.quantity
            rest[share.pledge] -= share.quantity
            given.append((share.need, share.quantity))
    return urgency_met(season, given)


def _since(season: Season, need: Asked, held: int) -> int:
    return min(season.at[need.id] + held, season.until[need.id]) if need.urgency == 1 else season.at[need.id]


Order = Callable[[Asked], int]


def one_by_one(season: Season, before: Order, is_nearest_first: bool = False) -> int:
    """Who arrives takes what fits at once: needs the oldest pledge (or the narrowest), pledges the needs in this order, then the oldest."""
    rest = {one.id: one.rest for one in (*season.needs, *season.pledges)}
    waiting: dict[tuple[str, str, str], list[Asked]] = defaultdict(list)
    lying: dict[tuple[str, str, str], list[Offered]] = defaultdict(list)
    given: list[tuple[UUID, int]] = []

    def hand_over(need: Asked, pledge: Offered) -> None:
        quantity = min(rest[need.id], rest[pledge.id])
        if quantity:
            rest[need.id] -= quantity
            rest[pledge.id] -= quantity
            given.append((need.id, quantity))

    for one in sorted([*season.needs, *season.pledges], key=lambda one: season.at[one.id]):
        moment = season.at[one.id]
        if isinstance(one, Asked):
            fitting = [pledge for key in keys_of(one) for pledge in lying[key]]
            for pledge in sorted(fitting, key=lambda pledge: (-len(pledge.key[2]) * is_nearest_first, season.at[pledge.id])):
                if season.until[pledge.id] >= moment:
                    hand_over(one, pledge)
            for key in keys_of(one):
                waiting[key].append(one)
        else:
            for need in sorted(waiting[one.key], key=lambda need: (before(need), season.at[need.id])):
                if season.until[need.id] >= moment:
                    hand_over(need, one)
            lying[one.key].append(one)
    return urgency_met(season, given)


def run(seed: int, count: int = NEEDS, supplies: Sequence[float] = SUPPLIES) -> list[dict[str, float]]:
    """A quarter more than first come, and a hundredth more than a greedy that knows urgency, are wanted whatever the supply."""
    shares = []
    for supply in supplies:
        one = season(Luck(np.random.default_rng([seed, int(100 * supply)])), count, supply)
        best, at_once, held = optimum(one), ours(one), ours(one, HELD)
        peers = {
            "first come": one_by_one(one, lambda _: 0),
            "urgency-aware greedy": one_by_one(one, lambda need: -need.urgency),
            "nearest urgency-aware greedy": one_by_one(one, lambda need: -need.urgency, is_nearest_first=True),
        }
        run = f"online, supply {supply}"
        say(f"{run}: at once, of the offline optimum", at_once, "units x urgency", best, at_least=0.87)
        say(f"{run}: non-urgent held {HELD} clearings, of the offline optimum", held, "units x urgency", best, at_least=0.89)
        for name, value in peers.items():
            say(f"{run}: at once, over {name}", at_once, "units x urgency", value, at_least=1.25 if name == "first come" else 1.01)
            say(f"{run}: held, over {name}", held, "units x urgency", value)
        shares.append(
            {"supply": supply, "at once": at_once / best, "held": held / best} | {name: value / best for name, value in peers.items()}
        )
    return shares
