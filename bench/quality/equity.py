"""A county's year: who gets help when some pledgers choose a village themselves, and villages are unequally popular.

60 villages, 1,200 needs, one clearing a day. Those who choose a village name it as the scope of their pledge, which waits there for
needs; the others' go anywhere in the county. All pledges stay open until they are used up.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from bench.quality.figures import say
from matching.allocation import Offered, allocate
from matching.score import Asked, in_turn

VILLAGES = [f"510903{town:03d}{village:03d}" for town in range(1, 7) for village in range(1, 11)]
COUNTY = VILLAGES[0][:6]
ITEMS = ("food.rice", "food.oil", "home.quilt", "school.bag")
NEEDS, DAYS = 1200, 365
SUPPLIES = (0.5, 0.8)
CHOOSING = (0.2, 0.5, 0.8)
SUGGESTED = 3


@dataclass(frozen=True)
class Gift:
    """A pledge, where its giver lives, and the village they choose, if they do, with what they would say to a suggestion."""

    id: UUID
    day: int
    item: str
    quantity: int
    home: str
    chosen: str | None
    would_follow: bool


@dataclass(frozen=True)
class Year:
    needs: list[Asked]
    posted: dict[UUID, int]
    gifts: list[Gift]


def year(seed: Sequence[int], supply: float, choosing: float, following: float = 0.0) -> Year:
    draw = np.random.default_rng(seed)
    ids = (UUID(bytes=draw.bytes(16)) for _ in iter(int, 1))
    popularity = 1 / np.arange(1, len(VILLAGES) + 1)
    order = draw.permutation(len(VILLAGES))
    popularity = popularity[order] / popularity.sum()
    needs = [
        Asked(next(ids), str(draw.choice(ITEMS)), "piece", VILLAGES[int(draw.integers(60))], 1, 0, int(draw.integers(1, 11)))
        for _ in range(NEEDS)
    ]
    posted = {need.id: int(draw.integers(DAYS)) for need in needs}
    gifts, units = [], 0
    while units < supply * sum(need.rest for need in needs):
        quantity = int(draw.integers(1, 11))
        chosen = VILLAGES[int(draw.choice(60, p=popularity))] if draw.random() < choosing else None
        home = VILLAGES[int(draw.choice(60, p=popularity))]
        gifts.append(Gift(next(ids), int(draw.integers(DAYS)), str(draw.choice(ITEMS)), quantity, home, chosen, draw.random() < following))
        units += quantity
    return Year(needs, posted, sorted(gifts, key=lambda gift: gift.day))


class Book:
    """What is open on a day, and what every village has had."""

    def __init__(self, year: Year) -> None:
        self.year = year
        self.rest = {need.id: need.rest for need in year.needs}
        self.free = {gift.id: gift.quantity for gift in year.gifts}
        self.scope: dict[UUID, str] = {}
        self.day = 0
        self.helped: dict[str, int] = dict.fromkeys(VILLAGES, 0)

    def open(self, item: str, village: str | None = None) -> list[Asked]:
        """The open needs of an item, of everybody or of one village, oldest first."""
        found = [
            need
            for need in self.year.needs
            if need.category == item and self.rest[need.id] and self.year.posted[need.id] <= self.day and village in (None, need.region)
        ]
        return sorted(found, key=lambda need: self.year.posted[need.id])

    def changed(self) -> set[str]:
        """The items of which something was asked for or given today."""
        asked = {need.category for need in self.year.needs if self.year.posted[need.id] == self.day}
        return asked | {gift.item for gift in self.year.gifts if gift.day == self.day}

    def waiting(self) -> list[Gift]:
        """The pledges of which something is free, oldest first."""
        return [gift for gift in self.year.gifts if gift.day <= self.day and self.free[gift.id]]

    def give(self, need: Asked, pledge: UUID, quantity: int) -> None:
        if self.rest[need.id] == need.rest:
            self.helped[need.region] += 1
        self.rest[need.id] -= quantity
        self.free[pledge] -= quantity

    def known(self, needs: Sequence[Asked]) -> list[Asked]:
        """The needs with what is known of their villages and themselves today."""
        asked: dict[str, int] = dict.fromkeys(VILLAGES, 0)
        for need in self.year.needs:
            asked[need.region] += self.year.posted[need.id] <= self.day
        return [
            replace(
                need, rest=self.rest[need.id], waiting_days=self.day - self.year.posted[need.id],
                is_helped=self.rest[need.id] < need.rest, village_needs=asked[need.region], village_helped=self.helped[need.region],
            )
            for need in needs
        ]  # fmt: skip


def ours(book: Book, gifts: Sequence[Gift]) -> None:
    """One clearing of all that changed; of those who choose, some accept the village that is suggested to them."""
    for gift in gifts:
        book.scope[gift.id] = _scope(book, gift)
    changed = book.changed()
    needs = {need.id: need for item in changed for need in book.open(item)}
    pledges = [
        Offered(gift.id, (gift.item, "piece", book.scope[gift.id]), book.free[gift.id]) for gift in book.waiting() if gift.item in changed
    ]
    for share in allocate(in_turn(book.known(list(needs.values()))), pledges):
        book.give(needs[share.need], share.pledge, share.quantity)


def _scope(book: Book, gift: Gift) -> str:
    """Where a pledge may go; who would follow a suggestion takes the first of three needs in villages that had least."""
    if gift.chosen is None or not gift.would_follow:
        return gift.chosen or COUNTY
    share = {need.region: need.village_helped / max(1, need.village_needs) for need in book.known(book.open(gift.item))}
    poorest = sorted(share, key=lambda village: share[village])[:SUGGESTED]
    return poorest[0] if poorest and share[poorest[0]] < share.get(gift.chosen, 1.0) else gift.chosen


def first_come(book: Book, gifts: Sequence[Gift]) -> None:
    """Gift by gift, the oldest need first."""
    _one_by_one(book, gifts, lambda gift, need: 0)


def nearest(book: Book, gifts: Sequence[Gift]) -> None:
    """Gift by gift, the need that is nearest to the giver in the tree of regions, then the oldest."""
    _one_by_one(book, gifts, lambda gift, need: -_common(gift.home, need.region))


def _common(one: str, other: str) -> int:
    return max(length for length in (0, 2, 4, 6, 9, 12) if one[:length] == other[:length])


def _one_by_one(book: Book, gifts: Sequence[Gift], order: Callable[[Gift, Asked], int]) -> None:
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
    """Needs with a helper, units, the share met in the worst-off tenth of the villages, and how unequal the shares of all are."""

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
    """0 when all have the same, 1 when one has all."""
    ordered = np.sort(shares)
    count = len(ordered)
    return float((2 * np.arange(1, count + 1) - count - 1) @ ordered / (count * ordered.sum()))


def run(seed: int, supplies: Sequence[float] = SUPPLIES, choosing: Sequence[float] = CHOOSING, rounds: int = 3) -> list[dict[str, float]]:
    """For every supply and share of choosers the means of the rounds, against first come and nearest; then with suggestions."""
    table = []
    for supply in supplies:
        for share in choosing:
            plain = [year([seed, round_, int(10 * supply), int(10 * share)], supply, share) for round_ in range(rounds)]
            led = [year([seed, round_, int(10 * supply), int(10 * share)], supply, share, 0.5) for round_ in range(rounds)]
            found = {
                "ours": _mean([outcome(one, ours) for one in plain]),
                "ours, half follow": _mean([outcome(one, ours) for one in led]),
                "first come": _mean([outcome(one, first_come) for one in plain]),
                "nearest": _mean([outcome(one, nearest) for one in plain]),
            }
            mine, led_to = found["ours"], found["ours, half follow"]
            for name in ("first come", "nearest"):
                peer, run = found[name], f"equity, supply {supply}, {share} choose, over {name}"
                say(f"{run}: needs with a helper", mine["needs"], "needs", peer["needs"], at_least=1.15)
                say(f"{run}: units", mine["units"], "units", peer["units"], at_least=0.995)
                say(f"{run}: worst-off tenth of villages", mine["worst"], "share met", peer["worst"], at_least=1.15)
                say(f"{run}: Gini", mine["gini"], "Gini", peer["gini"], at_most=0.85)
                say(f"{run}: Gini when half of the choosers follow a suggestion", led_to["gini"], "Gini", peer["gini"], at_most=0.6)
            table.append({"supply": supply, "choosing": share} | {name: one["gini"] for name, one in found.items()})
    return table


def _mean(outcomes: Sequence[Outcome]) -> dict[str, float]:
    return {name: float(np.mean([getattr(one, name) for one in outcomes])) for name in ("needs", "units", "worst", "gini")}
