"""Which quantity of which pledge goes to which need: the best allocation of a batch, as a pure function."""

from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

import numpy as np
from msgspec import Struct
from ortools.graph.python.min_cost_flow import SimpleMinCostFlow

from matching.allocation.score import DEFAULT, PRIOR, Demand, Key, Weights, keys_of, of_need, of_pair, of_pledge, score


class Supply(Struct, frozen=True):
    """A pledge and how much of it is free.

    `extra` is what a unit of it costs beside what its key says; needs less urgent than `kept_for` get nothing of it yet.
    """

    id: UUID
    key: Key
    rest: int
    reliability: int = PRIOR
    extra: int = 0
    kept_for: int = 1


@dataclass(frozen=True)
class Share:
    """A quantity of a pledge for a need, what a unit is worth there, and by how much it leads.

    The lead is over the best need that could not be met whole and got nothing of the same, used up, pledges; None without such a need.
    """

    need: UUID
    pledge: UUID
    quantity: int
    parts: dict[str, int] = field(default_factory=dict, compare=False)
    lead: int | None = field(default=None, compare=False)

    @property
    def value(self) -> int:
        return sum(self.parts.values())


def allocate(
    needs: Sequence[Demand],
    pledges: Sequence[Supply],
    barred: Mapping[UUID, frozenset[UUID]] | None = None,
    weights: Weights = DEFAULT,
    costs: Mapping[tuple[UUID, UUID], int] | None = None,
    without: Collection[tuple[UUID, Key]] = (),
) -> list[Share]:
    """The allocation of the greatest value in few matches.

    The needs in `barred` get nothing of the pledge they are named for, nor does any need of the keys that it is named with in `without`,
    nor of what it is worth less than the threshold to.

    Min-cost flow need -> group of like pledges -> sink. Like are pledges of one key, reliability and extra cost that are kept for the
    same urgency and barred for the same needs. With `costs` every pledge stands alone, and only the pairs named there may be matched,
    each at its own cost.
    """
    groups = _groups(pledges, barred or {}, alone=costs is not None)
    keys = {group.key for group in groups}
    fitting = [[key for key in keys_of(need) if key in keys] for need in needs]
    if without:
        fitting = [[key for key in fit if (need.id, key) not in without] for need, fit in zip(needs, fitting, strict=True)]
    arcs = list(_arcs(needs, fitting, groups, weights, costs))
    if not arcs:
        return []
    flows = solve([need.rest for need in needs], [group.supply for group in groups], arcs)
    leads = _leads(needs, groups, arcs, flows)
    wanted: dict[int, list[tuple[int, int, int]]] = defaultdict(list)
    for (row, index, value), flow in zip(arcs, flows, strict=True):
        if flow > 0:
            wanted[index].append((flow, row, value))
    shares: list[Share] = []
    for index, parts in wanted.items():
        group = groups[index]
        for row, pledge, quantity in group.deal([(row, flow) for flow, row, _ in parts]):
            need = needs[row]
            extra = group.extra + (costs[need.id, pledge] if costs else 0)
            said = score(need, group.key, len(fitting[row]), weights, group.reliability, extra)
            rival = leads.get(index)
            shares.append(Share(need.id, pledge, quantity, said.parts, None if rival is None else said.value - rival))
    return shares


class _Group:
    """Pledges that are as good as each other for every need of the batch."""

    def __init__(
        self, key: Key, reliability: int, extra: int, kept_for: int, barred_for: frozenset[UUID], pledges: Sequence[Supply]
    ) -> None:
        self.key, self.reliability, self.extra, self.kept_for, self.barred_for = key, reliability, extra, kept_for, barred_for
        self.pledges = pledges
        self.supply = sum([pledge.rest for pledge in pledges])

    def deal(self, wanted: Sequence[tuple[int, int]]) -> Iterable[tuple[int, UUID, int]]:
        """Hand out (row, quantity) in few pieces: each the smallest pledge that covers it whole, else the largest and so on.

        Largest first, after those that some pledge covers exactly. Of equal pledges the first given is taken first.
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
        alike[one.key, one.reliability, one.extra, one.kept_for, barred_for, one.id if alone else None].append(one)
    return [_Group(*group, members) for (*group, _), members in alike.items()]


def _arcs(
    needs: Sequence[Demand],
    fitting: Sequence[Sequence[Key]],
    groups: Sequence[_Group],
    weights: Weights,
    costs: Mapping[tuple[UUID, UUID], int] | None,
) -> Iterable[tuple[int, int, int]]:
    """(need, group, value of a unit) of everything that may be matched."""
    of_group = [sum(of_pledge(group.reliability, group.extra, weights)) for group in groups]
    worth = [sum(of_need(need, len(keys), weights).values()) for need, keys in zip(needs, fitting, strict=True)]
    for row, index, cost in _pairs(needs, fitting, groups, costs):
        need, group = needs[row], groups[index]
        value = worth[row] + sum(of_pair(need, group.key, weights)) + of_group[index] - cost
        if value >= weights.threshold and need.urgency >= group.kept_for and not (group.barred_for and need.id in group.barred_for):
            yield row, index, value


def _pairs(
    needs: Sequence[Demand], fitting: Sequence[Sequence[Key]], groups: Sequence[_Group], costs: Mapping[tuple[UUID, UUID], int] | None
) -> Iterable[tuple[int, int, int]]:
    """(need, group, cost of the pair) of all that fit, or of those that are named with their cost."""
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
    """Of each group that is used up: the worth of a unit to the best need that is not met whole and got nothing of it."""
    given, used = [0] * len(needs), [0] * len(groups)
    for (row, index, _), flow in zip(arcs, flows, strict=True):
        given[row] += flow
        used[index] += flow
    best: dict[int, int] = {}
    for (row, index, value), flow in zip(arcs, flows, strict=True):
        if not flow and given[row] < needs[row].rest and used[index] == groups[index].supply:
            best[index] = max(value, best.get(index, 0))
    return best


def solve(demands: Sequence[int], supplies: Sequence[int], arcs: Sequence[tuple[int, int, int]]) -> list[int]:
    """How much flows along each arc (need, group, value per unit), so that the value is the greatest there is."""
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
