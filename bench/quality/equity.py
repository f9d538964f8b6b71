"""Equity over a county's year in which some pledgers choose a village and villages are unequally popular.

60 villages, 1,200 needs, one clearing a day. Those who choose a village name it as the scope of their pledge, which waits there for
needs; the others' go anywhere in the county. All pledges stay open until they are used up.

The bounds are read over the whole run, all settings and draws summed, each setting beside: where most pledgers choose, ordering decides
about few pledges and can do little (what they are shown can), and where nearly everybody is helped nobody can be helped much more often.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.quality.county import COUNTY, DAYS, VILLAGES, Book, Gift, Year, year
from bench.quality.figures import report
from matching.allocation.score import Demand, rank_within_villages
from matching.allocation.solver import Supply, allocate

SUPPLIES = (0.5, 0.8)
CHOOSING = (0.2, 0.5, 0.8)
SUGGESTED = 3


def ours(book: Book, gifts: Sequence[Gift]) -> None:
    """Clear the items that changed; some choosers accept the suggested village."""
    for gift in gifts:
        book.scope[gift.id] = _scope(book, gift)
    changed = book.changed()
    needs = {need.id: need for item in changed for need in book.open(item)}
    pledges = [
        Supply(gift.id, (gift.item, "piece", book.scope[gift.id]), book.free[gift.id]) for gift in book.waiting() if gift.item in changed
    ]
    for share in allocate(rank_within_villages(book.known(list(needs.values()))), pledges):
        book.give(needs[share.need], share.pledge, share.quantity)


def _scope(book: Book, gift: Gift) -> str:
    """Return the scope of a pledge; a giver who follows suggestions takes the first of three needs in the least helped villages."""
    if gift.chosen is None or not gift.would_follow:
        return gift.chosen or COUNTY
    share = {need.region: need.village_helped / max(1, need.village_needs) for need in book.known(book.open(gift.item))}
    poorest = sorted(share, key=lambda village: share[village])[:SUGGESTED]
    return poorest[0] if poorest and share[poorest[0]] < share.get(gift.chosen, 1.0) else gift.chosen


def first_come(book: Book, gifts: Sequence[Gift]) -> None:
    """Allocate gift by gift, the oldest need first."""
    _one_by_one(book, gifts, lambda gift, need: 0)


def nearest(book: Book, gifts: Sequence[Gift]) -> None:
    """Allocate gift by gift to the need nearest to the giver in the region tree, then the oldest."""
    _one_by_one(book, gifts, lambda gift, need: -_common(gift.home, need.region))


def _common(one: str, other: str) -> int:
    return max(length for length in (0, 2, 4, 6, 9, 12) if one[:length] == other[:length])


def _one_by_one(book: Book, gifts: Sequence[Gift], order: Callable[[Gift, Demand], int]) -> None:
    changed = book.changed()
    for gift in book.waiting():
        if gift.item not in changed:
            continue
        for need in sorted(book.open(gift.item, gift.chosen), key=lambda need: order(gift, need)):
            part = min(book.free[gift.id], book.rest[need.id])
            if part:
                book.give(need, gift.id, part)


@dataclass(frozen=True)
class Outcome:
    """Result: needs with a helper, units, the share met in the worst-off tenth of villages, and the Gini of all shares."""

    needs: int
    units: int
    worst: float
    gini: float


def outcome(year: Year, match: Callable[[Book, Sequence[Gift]], None]) -> Outcome:
    book = Book(year)
    for day in range(DAYS):
        book.day = day
        today = [gift for gift in year.gifts if gift.day == day]
        match(book, today)
    asked, got = dict.fromkeys(VILLAGES, 0), dict.fromkeys(VILLAGES, 0)
    for need in year.needs:
        asked[need.region] += need.rest
        got[need.region] += need.rest - book.rest[need.id]
    shares = np.sort([got[village] / asked[village] for village in VILLAGES if asked[village]])
    helped = sum(book.rest[need.id] < need.rest for need in year.needs)
    return Outcome(helped, sum(got.values()), float(shares[: max(1, len(shares) // 10)].mean()), gini(shares))


def gini(shares: NDArray[np.float64]) -> float:
    """Return the Gini coefficient: 0 when all have the same, 1 when one has all."""
    ordered = np.sort(shares)
    count = len(ordered)
    return float((2 * np.arange(1, count + 1) - count - 1) @ ordered / (count * ordered.sum()))


METRICS = {
    "needs": ("needs with a helper", "needs", {"at_least": 1.15}),
    "units": ("units", "units", {"at_least": 0.995}),
    "worst": ("worst-off tenth of villages", "share met", {"at_least": 1.15}),
    "gini": ("Gini", "Gini", {"at_most": 0.85}),
}
"""Of each figure its words, its unit and its bound over both peers."""
WAYS = ("ours", "ours, half follow", "first come", "nearest")


def run(seed: int, supplies: Sequence[float] = SUPPLIES, choosing: Sequence[float] = CHOOSING, rounds: int = 3) -> list[dict[str, float]]:
    """Compare ours, with and without suggestions, to first come and nearest; return each Gini by supply and share of choosers."""
    table, settings = [], []
    for supply in supplies:
        for share in choosing:
            seeds = [[seed, round_, int(10 * supply), int(10 * share)] for round_ in range(rounds)]
            plain = [year(one, supply, share) for one in seeds]
            found = {
                "ours": _mean([outcome(one, ours) for one in plain]),
                "ours, half follow": _mean([outcome(year(one, supply, share, 0.5), ours) for one in seeds]),
                "first come": _mean([outcome(one, first_come) for one in plain]),
                "nearest": _mean([outcome(one, nearest) for one in plain]),
            }
            _say(f"equity, supply {supply}, {share} choose", found, is_bound=False)
            settings.append(found)
            table.append({"supply": supply, "choosing": share} | {way: found[way]["gini"] for way in WAYS})
    whole = {way: {name: float(np.mean([found[way][name] for found in settings])) for name in METRICS} for way in WAYS}
    _say("equity, all settings", whole, is_bound=True)
    return table


def _say(run: str, found: Mapping[str, Mapping[str, float]], is_bound: bool) -> None:
    mine, led = found["ours"], found["ours, half follow"]
    for name in ("first come", "nearest"):
        peer = found[name]
        for metric, (words, unit, bound) in METRICS.items():
            report(f"{run}, over {name}: {words}", mine[metric], unit, peer[metric], **(bound if is_bound else {}))
        followed = {"at_most": 0.6} if is_bound else {}
        report(f"{run}, over {name}: Gini when half of the choosers follow a suggestion", led["gini"], "Gini", peer["gini"], **followed)


def _mean(outcomes: Sequence[Outcome]) -> dict[str, float]:
    return {name: float(np.mean([getattr(one, name) for one in outcomes])) for name in METRICS}
