"""Share pledges out with every region weighing its own needs, and none of them able to take from another by its weights."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from uuid import UUID

from msgspec import structs

from matching.allocation.score import Demand, Key, Weights, keys_of, score
from matching.allocation.solver import Share, Supply, allocate
from matching.weights.queries import RegionalWeights


def allocate_by_region(
    needs: Sequence[Demand],
    pledges: Sequence[Supply],
    barred: Mapping[UUID, frozenset[UUID]],
    sets: RegionalWeights,
    low: Collection[tuple[UUID, Key]] = (),
) -> list[Share]:
    """As `allocate`, by the weights of each need's region; needs get nothing of the keys that are too `low` for them.

    The country's weights say how much of which pledge every region with weights of its own gets. It shares just that out anew among
    its needs, by its own weights; so do the regions in it with theirs, from the outermost inwards.
    """
    shares = allocate(needs, pledges, barred, _without_threshold(sets.by_region[""]), without=low)
    for region in sorted(sets.by_region, key=len)[1:]:
        inside = [need for need in needs if need.region.startswith(region)]
        ids = {need.id for need in inside}
        allotted: Counter[UUID] = Counter()
        for share in shares:
            if share.need in ids:
                allotted[share.pledge] += share.quantity
        if allotted:
            own = [structs.replace(pledge, rest=allotted[pledge.id]) for pledge in pledges if pledge.id in allotted]
            shares = [share for share in shares if share.need not in ids]
            shares += allocate(inside, own, barred, _without_threshold(sets.by_region[region]), without=low)
    return shares


def _without_threshold(weights: Weights) -> Weights:
    """What is too low is known already."""
    return replace(weights, threshold=1)


def find_pairs_below_threshold(needs: Sequence[Demand], pledges: Iterable[Supply], sets: RegionalWeights) -> set[tuple[UUID, Key]]:
    """Which needs are worth less than the threshold of their region to which keys, even to the most reliable pledge that has it."""
    reliability: dict[Key, int] = defaultdict(int)
    for pledge in pledges:
        reliability[pledge.key] = max(pledge.reliability, reliability[pledge.key])
    found = set()
    for need in needs:
        _, weights = sets.of(need.region)
        if weights.threshold > weights.least:
            keys = [key for key in keys_of(need) if key in reliability]
            values = {key: score(need, key, len(keys), weights, reliability[key]).value for key in keys}
            found |= {(need.id, key) for key, value in values.items() if value < weights.threshold}
    return found
