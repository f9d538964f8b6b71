"""The quality of clearing under a stream of arrivals, as a share of the offline optimum.

The instance is a month of two cities of the pilot of 2017, which posted 50,000 needs from eleven cities in 107 days: 3,000 needs in 35
days. Items, villages and scopes are the country's. A need stays open until it is met, as in the book; a pledge is valid for a week, a
month or a quarter, each as often. Each urgency is half as frequent as the one below it. A clearing comes after every 250 arrivals.

The service clears `at once`; the two variants that hold something back show the gain of holding (decision 12 says why it does not).
The bounds hold for the whole run, all supplies and draws summed; each supply is reported beside. Supply by supply they would report little:
where nearly everything can be met, no method is a quarter better than another. The run with equally frequent urgencies has no bound over
first come, since even the offline optimum is only some 30 % better there; its lines report our gain.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

import numpy as np
from msgspec.structs import replace

from bench.quality.country import Luck, worth
from bench.quality.figures import report
from matching.allocation.score import Demand, find_least_urgency, list_fitting_keys
from matching.allocation.solver import Supply, allocate, solve_min_cost_flow

NEEDS = 3000
SUPPLIES = (0.33, 0.6, 1.0, 1.4)
HALVING, EQUAL = (4, 2, 1), (1, 1, 1)
ROUNDS = 3
ARRIVALS = 250
DAYS = 35
VALID_DAYS = (7, 30, 90)
HELD = 3
"""How many clearings the non-urgent wait."""


@dataclass(frozen=True)
class Season:
    """Needs and pledges, each with the first and the last clearing it takes part in."""

    needs: list[Demand]
    pledges: list[Supply]
    at: dict[UUID, int]
    until: dict[UUID, int]

    @property
    def clearings(self) -> int:
        return max(self.until.values()) + 1

    def quantities(self) -> dict[UUID, int]:
        """Return the units of every need and pledge by id."""
        return {need.id: need.rest for need in self.needs} | {pledge.id: pledge.rest for pledge in self.pledges}


def season(luck: Luck, count: int, supply: float, urgencies: Sequence[float]) -> Season:
    needs = [replace(need, waiting_days=0) for need in luck.needs(count, urgencies)]
    pledges = luck.pledges(int(supply * sum(need.rest for need in needs)))
    everybody: list[Demand | Supply] = [*needs, *pledges]
    at = {everybody[place].id: order // ARRIVALS for order, place in enumerate(luck.draw.permutation(len(everybody)))}
    last = max(at.values())
    clearings_a_day = (last + 1) / DAYS
    until = {need.id: last for need in needs}
    for pledge in pledges:
        until[pledge.id] = min(last, at[pledge.id] + int(luck.draw.choice(VALID_DAYS) * clearings_a_day))
    return Season(needs, pledges, at, until)


def urgency_met(season: Season, given: Sequence[tuple[UUID, int]]) -> int:
    """Return units times urgency, the measure of a method."""
    urgency = {need.id: need.urgency for need in season.needs}
    return sum(urgency[need] * quantity for need, quantity in given)


def optimum(season: Season) -> int:
    """Return the offline optimum in units times urgency: the best flow over all pairs that are open at the same time.

    The solver is the allocation's own; the bench of clearing compares it with another.
    """
    needs, pledges = season.needs, season.pledges
    pairs = [
        (row, place, needs[row].urgency)
        for row, place, _ in worth(needs, pledges, {})
        if season.at[needs[row].id] <= season.until[pledges[place].id] and season.at[pledges[place].id] <= season.until[needs[row].id]
    ]
    flows = solve_min_cost_flow([need.rest for need in needs], [pledge.rest for pledge in pledges], pairs)
    return sum(flow * urgency for flow, (_, _, urgency) in zip(flows, pairs, strict=True))


def ours(season: Season, needs_held: int = 0, pledges_kept: int = 0) -> int:
    """Clear once for every `ARRIVALS` arrivals.

    Normal needs wait `needs_held` clearings; a pledge is kept `pledges_kept` clearings for urgent needs. Neither wait goes beyond the
    last day of the need or pledge.
    """
    rest = season.quantities()
    given: list[tuple[UUID, int]] = []
    for moment in range(season.clearings):
        open_needs = [
            replace(need, rest=rest[need.id], waiting_days=moment - season.at[need.id], is_helped=rest[need.id] < need.rest)
            for need in season.needs
            if rest[need.id] and _since(season, need, needs_held) <= moment <= season.until[need.id]
        ]
        open_pledges = [
            replace(pledge, rest=rest[pledge.id], min_urgency=_min_urgency(season, pledge, moment, pledges_kept))
            for pledge in season.pledges
            if rest[pledge.id] and season.at[pledge.id] <= moment <= season.until[pledge.id]
        ]
        for share in allocate(open_needs, open_pledges):
            rest[share.need] -= share.quantity
            rest[share.pledge] -= share.quantity
            given.append((share.need, share.quantity))
    return urgency_met(season, given)


def _since(season: Season, need: Demand, held: int) -> int:
    return min(season.at[need.id] + held, season.until[need.id]) if need.urgency == 1 else season.at[need.id]


def _min_urgency(season: Season, pledge: Supply, moment: int, kept: int) -> int:
    return 1 if moment == season.until[pledge.id] else find_least_urgency(moment - season.at[pledge.id], kept)


Order = Callable[[Demand], int]


def one_by_one(season: Season, before: Order, is_nearest_first: bool = False) -> int:
    """Match each arrival at once: a need takes the oldest pledge (or the narrowest), a pledge the needs in this order, then by age."""
    rest = season.quantities()
    waiting: dict[tuple[str, str, str], list[Demand]] = defaultdict(list)
    lying: dict[tuple[str, str, str], list[Supply]] = defaultdict(list)
    given: list[tuple[UUID, int]] = []

    def hand_over(need: Demand, pledge: Supply) -> None:
        quantity = min(rest[need.id], rest[pledge.id])
        if quantity:
            rest[need.id] -= quantity
            rest[pledge.id] -= quantity
            given.append((need.id, quantity))

    arrivals: list[Demand | Supply] = [*season.needs, *season.pledges]
    for one in sorted(arrivals, key=lambda one: season.at[one.id]):
        moment = season.at[one.id]
        if isinstance(one, Demand):
            fitting = [pledge for key in list_fitting_keys(one) for pledge in lying[key]]
            for pledge in sorted(fitting, key=lambda pledge: (-len(pledge.key[2]) * is_nearest_first, season.at[pledge.id])):
                if season.until[pledge.id] >= moment:
                    hand_over(one, pledge)
            for key in list_fitting_keys(one):
                waiting[key].append(one)
        else:
            for need in sorted(waiting[one.key], key=lambda need: (before(need), season.at[need.id])):
                if season.until[need.id] >= moment:
                    hand_over(need, one)
            lying[one.key].append(one)
    return urgency_met(season, given)


OURS = ("at once", "non-urgent held", "kept for the urgent")
PEERS = ("first come", "urgency-aware greedy", "nearest urgency-aware greedy")


def values(season: Season) -> dict[str, int]:
    """Return the value of each method."""
    return {
        "optimum": optimum(season),
        "at once": ours(season),
        "non-urgent held": ours(season, needs_held=HELD),
        "kept for the urgent": ours(season, pledges_kept=HELD),
        "first come": one_by_one(season, lambda _: 0),
        "urgency-aware greedy": one_by_one(season, lambda need: -need.urgency),
        "nearest urgency-aware greedy": one_by_one(season, lambda need: -need.urgency, is_nearest_first=True),
    }


def run(seed: int, count: int = NEEDS, supplies: Sequence[float] = SUPPLIES, rounds: int = ROUNDS) -> list[dict[str, float]]:
    """Print all figures; return each method's share of the optimum by supply."""
    shares = _month(seed, "online", HALVING, count, supplies, rounds, 1.25)
    _month(seed, "online, equally many of each urgency", EQUAL, count, supplies, 1, None)
    return shares


def _month(
    seed: int, run: str, urgencies: Sequence[int], count: int, supplies: Sequence[float], rounds: int, over_first_come: float | None
) -> list[dict[str, float]]:
    shares = []
    total: dict[str, int] = defaultdict(int)
    for supply in supplies:
        found: dict[str, int] = defaultdict(int)
        for round_ in range(rounds):
            one = season(Luck(np.random.default_rng([seed, round_, int(100 * supply)])), count, supply, urgencies)
            for way, value in values(one).items():
                found[way] += value
                total[way] += value
        _say(f"{run}, supply {supply}", found, None, None, is_bound=False)
        shares.append({"supply": supply} | {way: found[way] / found["optimum"] for way in (*OURS, *PEERS)})
    # What clears at once sees no further than a greedy, and is hardly better: what keeps has to be.
    _say(f"{run}, all supplies", total, over_first_come, 1.01, is_bound=True)
    return shares


def _say(run: str, found: Mapping[str, int], over_first_come: float | None, over_greedy: float | None, is_bound: bool) -> None:
    for way in OURS:
        least = (0.87 if way == "at once" else 0.89) if is_bound else None
        report(f"{run}: {way}, of the offline optimum", found[way], "units x urgency", found["optimum"], at_least=least)
        for peer in PEERS:
            least = over_first_come if peer == "first come" else over_greedy if way == "kept for the urgent" else None
            report(f"{run}: {way}, over {peer}", found[way], "units x urgency", found[peer], at_least=least)
    for peer in PEERS:
        report(f"{run}: {peer}, of the offline optimum", found[peer], "units x urgency", found["optimum"])
