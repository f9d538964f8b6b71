"""Allocation by regional weights: each region ranks its own needs, and none can take pledges from another by its weights."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from uuid import UUID

from msgspec import structs

from matching.allocation.score import Demand, Key, Weights, list_fitting_keys, score_unit
from matching.allocation.solver import Share, Supply, allocate
from matching.weights.rules import RegionalWeights


def allocate_by_region(
    needs: Sequence[Demand],
    pledges: Sequence[Supply],
    barred: Mapping[UUID, frozenset[UUID]],
    weights: RegionalWeights,
    low: Collection[tuple[UUID, Key]] = (),
) -> list[Share]:
    """Allocate as `allocate` does, by the weights of each need's region; a need gets nothing of the keys that are too `low` for it.

    First the country's weights decide how much of which pledge goes to each region with weights of its own. The region then reallocates
    exactly that among its needs by its own weights. So do the regions inside it, from the outermost inwards.
    """
    shares = allocate(needs, pledges, barred, _without_threshold(weights.by_region[""]), without=low)
    for region in sorted(weights.by_region, key=len)[1:]:
        inside = [need for need in needs if need.region.startswith(region)]
        ids = {need.id for need in inside}
        allotted: Counter[UUID] = Counter()
        for share in shares:
            if share.need in ids:
                allotted[share.pledge] += share.quantity
        if allotted:
            own = [structs.replace(pledge, rest=allotted[pledge.id]) for pledge in pledges if pledge.id in allotted]
            shares = [share for share in shares if share.need not in ids]
            shares += allocate(inside, own, barred, _without_threshold(weights.by_region[region]), without=low)
    return shares


def find_pairs_below_threshold(needs: Sequence[Demand], pledges: Iterable[Supply], weights: RegionalWeights) -> set[tuple[UUID, Key]]:
    """Find the pairs of need and key whose score stays below the threshold of the need's region, even for the most reliable pledge."""
    reliability: dict[Key, int] = defaultdict(int)
    for pledge in pledges:
        reliability[pledge.key] = max(pledge.reliability, reliability[pledge.key])
    found = set()
    for need in needs:
        _, own = weights.of(need.region)
        if own.threshold > own.lowest_value:
            keys = [key for key in list_fitting_keys(need) if key in reliability]
            values = {key: score_unit(need, key, len(keys), own, reliability[key]).value for key in keys}
            found |= {(need.id, key) for key, value in values.items() if value < own.threshold}
    return found


def _without_threshold(weights: Weights) -> Weights:
    """Return the weights with the lowest threshold: the pairs below the real one are excluded already."""
    return replace(weights, threshold=1)
