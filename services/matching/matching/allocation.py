"""Which quantity of which pledge goes to which need: the best allocation of a batch, as a pure function."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

import numpy as np
from ortools.graph.python.min_cost_flow import SimpleMinCostFlow

Key = tuple[str, str, str]
"""Category, unit and scope of a pledge: pledges with the same key serve the same needs equally well."""

URGENCY = 10_000
WAITING_DAY = 10
LONGEST_WAIT_DAYS = 365
NEARER = 100
EXACT = 50


@dataclass(frozen=True)
class Asked:
    """A need and how much of it is open."""

    id: UUID
    category: str
    unit: str
    region: str
    urgency: int
    waiting_days: int
    rest: int


@dataclass(frozen=True)
class Offered:
    """A pledge and how much of it is free."""

    id: UUID
    key: Key
    rest: int


@dataclass(frozen=True)
class Share:
    need: UUID
    pledge: UUID
    quantity: int


def keys_of(need: Asked) -> list[Key]:
    """The keys of all pledges that fit: the item or a group above it, the village or a region around it."""
    scopes = [need.region[:length] for length in (0, 2, 4, 6, 9, 12) if length <= len(need.region)]
    levels = need.category.split(".")
    return [(".".join(levels[:depth]), need.unit, scope) for depth in range(len(levels), 0, -1) for scope in scopes]


def value_of(need: Asked, key: Key) -> int:
    """What one unit is worth: urgency first, then waiting, then the nearest and most exact pledge, so that wide ones are kept."""
    category, _, scope = key
    return (
        need.urgency * URGENCY
        + min(need.waiting_days, LONGEST_WAIT_DAYS) * WAITING_DAY
        + len(scope) // 2 * NEARER
        + (EXACT if category == need.category else 0)
    )


def allocate(needs: Sequence[Asked], pledges: Sequence[Offered], barred: Collection[tuple[UUID, UUID]] = ()) -> list[Share]:
    """The allocation of the greatest value; pairs in `barred` (need, pledge) get nothing. Pledges are used up in the order given.

    Min-cost flow need -> group of like pledges -> sink. Like are pledges of one key that are barred for the same needs.
    """
    groups = _groups(pledges, barred)
    by_key: dict[Key, list[int]] = defaultdict(list)
    for index, group in enumerate(groups):
        by_key[group.key].append(index)
    arcs = [
        (row, index, value_of(need, key))
        for row, need in enumerate(needs)
        for key in keys_of(need)
        for index in by_key.get(key, ())
        if need.id not in groups[index].barred_for
    ]
    if not arcs:
        return []
    flows = _solve([need.rest for need in needs], [group.supply for group in groups], arcs)
    shares: list[Share] = []
    for (row, index, _), flow in zip(arcs, flows, strict=True):
        if flow > 0:
            shares += [Share(needs[row].id, pledge, quantity) for pledge, quantity in groups[index].take(int(flow))]
    return shares


class _Group:
    """Pledges that are as good as each other for every need of the batch."""

    def __init__(self, key: Key, barred_for: frozenset[UUID], pledges: Sequence[Offered]) -> None:
        self.key = key
        self.barred_for = barred_for
        self.supply = sum(pledge.rest for pledge in pledges)
        self._left = [[pledge.id, pledge.rest] for pledge in reversed(pledges)]

    def take(self, quantity: int) -> list[tuple[UUID, int]]:
        taken = []
        while quantity:
            pledge, rest = self._left[-1]
            part = min(quantity, rest)
            taken.append((pledge, part))
            quantity -= part
            if part == rest:
                self._left.pop()
            else:
                self._left[-1][1] = rest - part
        return taken


def _groups(pledges: Sequence[Offered], barred: Collection[tuple[UUID, UUID]]) -> list[_Group]:
    barred_for: Mapping[UUID, set[UUID]] = defaultdict(set)
    for need, pledge in barred:
        barred_for[pledge].add(need)
    alike: dict[tuple[Key, frozenset[UUID]], list[Offered]] = defaultdict(list)
    for one in pledges:
        alike[one.key, frozenset(barred_for.get(one.id, ()))].append(one)
    return [_Group(key, barred_needs, members) for (key, barred_needs), members in alike.items()]


def _solve(demands: Sequence[int], supplies: Sequence[int], arcs: Sequence[tuple[int, int, int]]) -> list[int]:
    """How much flows along each arc (need, group, value per unit)."""
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
