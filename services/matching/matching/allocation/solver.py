"""The best allocation of a batch: quantities of pledges for needs, by min-cost flow."""

from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

import numpy as np
from msgspec import Struct
from ortools.graph.python.min_cost_flow import SimpleMinCostFlow

from matching.allocation.score import (
    DEFAULT,
    PRIOR_CLASS,
    Demand,
    Key,
    Weights,
    list_fitting_keys,
    score_need,
    score_pair,
    score_pledge,
    score_unit,
)


class Supply(Struct, frozen=True):
    """An open pledge and its free quantity (`rest`).

    `extra` is an extra cost of each unit. Needs less urgent than `min_urgency` get nothing of it yet.
    """

    id: UUID
    key: Key
    rest: int
    reliability: int = PRIOR_CLASS
    extra: int = 0
    min_urgency: int = 1


@dataclass(frozen=True)
class Share:
    """A quantity of a pledge for a need, with the parts of its score and its lead.

    The lead is the distance to the best rival: a need that is not met whole and got nothing of the same used-up pledges. None without one.
    """

    need: UUID
    pledge: UUID
    quantity: int
    parts: dict[str, int] = field(default_factory=dict, compare=False)
    lead: int | None = field(default=None, compare=False)

    @property
    def value(self) -> int:
        """The score of one unit."""
        return sum(self.parts.values())


def allocate(
    needs: Sequence[Demand],
    pledges: Sequence[Supply],
    barred: Mapping[UUID, frozenset[UUID]] | None = None,
    weights: Weights = DEFAULT,
    costs: Mapping[tuple[UUID, UUID], int] | None = None,
    without: Collection[tuple[UUID, Key]] = (),
) -> list[Share]:
    """Allocate pledges to needs with the greatest total score, in few matches.

    `barred` names, by pledge, the needs that get nothing of it. `without` names the pairs of need and key that are not matched. Pairs with
    a score below the threshold are not matched either.

    The network is need -> group of equivalent pledges -> sink. A group has one key, reliability, extra cost, minimum urgency and set of
    barred needs. With `costs` each pledge is a group of its own, and only the pairs named there are matched, each at its own cost.
    """
    groups = _groups(pledges, barred or {}, alone=costs is not None)
    keys = {group.key for group in groups}
    fitting = [[key for key in list_fitting_keys(need) if key in keys] for need in needs]
    if without:
        fitting = [[key for key in fit if (need.id, key) not in without] for need, fit in zip(needs, fitting, strict=True)]
    arcs = list(_arcs(needs, fitting, groups, weights, costs))
    if not arcs:
        return []
    flows = solve_min_cost_flow([need.rest for need in needs], [group.supply for group in groups], arcs)
    leads = _leads(needs, groups, arcs, flows)
    dealt: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for (row, index, _), flow in zip(arcs, flows, strict=True):
        if flow > 0:
            dealt[index].append((row, flow))
    shares: list[Share] = []
    for index, quantities in dealt.items():
        group = groups[index]
        for row, pledge, quantity in group.deal(quantities):
            need = needs[row]
            extra = group.extra + (costs[need.id, pledge] if costs else 0)
            said = score_unit(need, group.key, len(fitting[row]), weights, group.reliability, extra)
            rival = leads.get(index)
            shares.append(Share(need.id, pledge, quantity, said.parts, None if rival is None else said.value - rival))
    return shares


class _Group:
    """Pledges that are equivalent for every need of the batch."""

    def __init__(self, pledges: Sequence[Supply], barred_for: frozenset[UUID]) -> None:
        first = pledges[0]
        self.key, self.reliability, self.extra, self.min_urgency = first.key, first.reliability, first.extra, first.min_urgency
        self.pledges, self.barred_for = pledges, barred_for
        self.supply = sum([pledge.rest for pledge in pledges])

    def deal(self, wanted: Sequence[tuple[int, int]]) -> Iterable[tuple[int, UUID, int]]:
        """Split the pledges among (row, quantity) in few pieces; yields (row, pledge, quantity).

        Exact fits come first. Then the largest quantity takes the smallest pledge that covers it, else the largest pledge, and so on. Of
        equal pledges the first given is taken.
        """
        free = sorted((pledge.rest, place) for place, pledge in enumerate(self.pledges))
        left = []
        for row, quantity in sorted(wanted, key=lambda one: -one[1]):
            at = bisect_left(free, (quantity, -1))
            if at < len(free) and free[at][0] == quantity:
                yield row, self.pledges[free.pop(at)[1]].id, quantity
            else:
                left.append((row, quantity))
        for row, asked in left:
            quantity = asked
            while quantity:
                at = min(bisect_left(free, (quantity, -1)), len(free) - 1)
                rest, place = free.pop(at)
                part = min(quantity, rest)
                yield row, self.pledges[place].id, part
                quantity -= part
                if part < rest:
                    insort(free, (rest - part, place))


def _groups(pledges: Sequence[Supply], barred: Mapping[UUID, frozenset[UUID]], alone: bool) -> list[_Group]:
    alike: dict[tuple[Key, int, int, int, frozenset[UUID], UUID | None], list[Supply]] = defaultdict(list)
    nobody = frozenset[UUID]()
    for one in pledges:
        barred_for = barred.get(one.id, nobody) if barred else nobody
        alike[one.key, one.reliability, one.extra, one.min_urgency, barred_for, one.id if alone else None].append(one)
    return [_Group(members, barred_for) for (*_, barred_for, _), members in alike.items()]


def _arcs(
    needs: Sequence[Demand],
    fitting: Sequence[Sequence[Key]],
    groups: Sequence[_Group],
    weights: Weights,
    costs: Mapping[tuple[UUID, UUID], int] | None,
) -> Iterable[tuple[int, int, int]]:
    """Yield (need, group, score of a unit) for every pair that may be matched."""
    by_group = [sum(score_pledge(group.reliability, group.extra, weights)) for group in groups]
    by_need = [sum(score_need(need, len(keys), weights).values()) for need, keys in zip(needs, fitting, strict=True)]
    for row, index, cost in _pairs(needs, fitting, groups, costs):
        need, group = needs[row], groups[index]
        value = by_need[row] + sum(score_pair(need, group.key, weights)) + by_group[index] - cost
        if value >= weights.threshold and need.urgency >= group.min_urgency and not (group.barred_for and need.id in group.barred_for):
            yield row, index, value


def _pairs(
    needs: Sequence[Demand], fitting: Sequence[Sequence[Key]], groups: Sequence[_Group], costs: Mapping[tuple[UUID, UUID], int] | None
) -> Iterable[tuple[int, int, int]]:
    """Yield (need, group, cost) for every fitting pair, or for the pairs named in `costs`."""
    if costs is None:
        by_key: dict[Key, list[int]] = defaultdict(list)
        for index, group in enumerate(groups):
            by_key[group.key].append(index)
        yield from ((row, index, 0) for row, keys in enumerate(fitting) for key in keys for index in by_key[key])
        return
    row_of = {need.id: row for row, need in enumerate(needs)}
    index_of = {group.pledges[0].id: index for index, group in enumerate(groups)}
    for (need, pledge), cost in costs.items():
        row, index = row_of[need], index_of[pledge]
        if groups[index].key in fitting[row]:
            yield row, index, cost


def _leads(
    needs: Sequence[Demand], groups: Sequence[_Group], arcs: Sequence[tuple[int, int, int]], flows: Sequence[int]
) -> Mapping[int, int]:
    """Return, for each used-up group, the score of the best need that is not met whole and got nothing of it."""
    given, used = [0] * len(needs), [0] * len(groups)
    for (row, index, _), flow in zip(arcs, flows, strict=True):
        given[row] += flow
        used[index] += flow
    best: dict[int, int] = {}
    for (row, index, value), flow in zip(arcs, flows, strict=True):
        if not flow and given[row] < needs[row].rest and used[index] == groups[index].supply:
            best[index] = max(value, best.get(index, 0))
    return best


def solve_min_cost_flow(demands: Sequence[int], supplies: Sequence[int], arcs: Sequence[tuple[int, int, int]]) -> list[int]:
    """Solve for the flow along each arc (need, group, score per unit) with the greatest total score."""
    rows, groups = len(demands), len(supplies)
    sink = rows + groups
    demand = np.array(demands, dtype=np.int64)
    table = np.array(arcs, dtype=np.int64)
    tails = np.concatenate([table[:, 0], np.arange(rows), rows + np.arange(groups)])
    heads = np.concatenate([rows + table[:, 1], np.full(rows + groups, sink)])
    capacities = np.concatenate([demand[table[:, 0]], demand, np.array(supplies, dtype=np.int64)])
    costs = np.concatenate([-table[:, 2], np.zeros(rows + groups, dtype=np.int64)])
    flow = SimpleMinCostFlow()
    flow.add_arcs_with_capacity_and_unit_cost(tails, heads, capacities, costs)
    flow.set_nodes_supplies(np.arange(rows), demand)
    flow.set_node_supply(sink, -int(demand.sum()))
    status = flow.solve()
    if status != flow.OPTIMAL:
        raise ArithmeticError(f"no optimal allocation: {status}")
    return [int(amount) for amount in flow.flows(np.arange(len(arcs)))]
