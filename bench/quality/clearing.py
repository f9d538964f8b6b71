"""The quality of one clearing: the value of its allocation beside the optimum over all pairs by linear programming."""

from collections.abc import Sequence

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import coo_array

from bench.quality.country import Luck, worth
from bench.quality.figures import report
from matching.allocation.score import Demand
from matching.allocation.solver import Supply, allocate

SIZES = (10, 50, 200, 500, 1000, 2000)
SUPPLIES = (0.3, 0.9, 2.0)
EXTRAS = tuple(range(0, 200, 7))


def optimum(needs: Sequence[Demand], pledges: Sequence[Supply], pairs: Sequence[tuple[int, int, int]]) -> float:
    """Return the greatest value over all pairs, with one HiGHS variable for each."""
    if not pairs:
        return 0
    rows, places, values = (np.array(column) for column in zip(*pairs, strict=True))
    columns = np.arange(len(pairs))
    at = (np.concatenate([rows, len(needs) + places]), np.concatenate([columns, columns]))
    limits = coo_array((np.ones(2 * len(pairs)), at), shape=(len(needs) + len(pledges), len(pairs))).tocsr()
    solved = linprog(
        -values.astype(float), A_ub=limits, b_ub=[need.rest for need in needs] + [pledge.rest for pledge in pledges], method="highs"
    )
    return -float(solved.fun)


def both(luck: Luck, size: int, supply: float, extras: Sequence[int]) -> tuple[float, float]:
    """Return the value of our allocation and the optimum for one invented instance."""
    needs = luck.needs(size)
    pledges = luck.pledges(max(1, int(supply * sum(need.rest for need in needs))), extras)
    barred = luck.barred(needs, pledges, 0.02)
    pairs = worth(needs, pledges, barred)
    value_of = {(needs[row].id, pledges[place].id): value for row, place, value in pairs}
    shares = allocate(needs, pledges, barred)
    return sum(share.quantity * value_of[share.need, share.pledge] for share in shares), optimum(needs, pledges, pairs)


def run(seed: int, sizes: Sequence[int] = SIZES) -> None:
    for name, extras, at_least in (("key", (0,), 1.0), ("pledge", EXTRAS, 0.999)):
        for size in sizes:
            for supply in SUPPLIES:
                ours, best = both(Luck(np.random.default_rng([seed, size, int(10 * supply)])), size, supply, extras)
                # Whole numbers against the solver's floating point: equal up to a thousand-millionth.
                report(f"clearing, costs by {name}, {size} needs, supply {supply}", ours, "value", best, at_least=at_least - 1e-9)
