"""A county's year for the quality bench: unequally popular villages, their needs, and gifts, some for a chosen village."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import numpy as np
from msgspec.structs import replace

from matching.allocation.score import Demand

VILLAGES = [f"510903{town:03d}{village:03d}" for town in range(1, 7) for village in range(1, 11)]
COUNTY = VILLAGES[0][:6]
ITEMS = ("food.rice", "food.oil", "home.quilt", "school.bag")
NEEDS, DAYS = 1200, 365


@dataclass(frozen=True)
class Gift:
    """A pledge with its giver's home, the village the giver chose, if any, and the answer to a suggestion."""

    id: UUID
    day: int
    item: str
    quantity: int
    home: str
    chosen: str | None
    would_follow: bool


@dataclass(frozen=True)
class Year:
    needs: list[Demand]
    posted: dict[UUID, int]
    gifts: list[Gift]


def year(seed: Sequence[int], supply: float, choosing: float, following: float = 0.0) -> Year:
    draw = np.random.default_rng(seed)
    ids = (UUID(bytes=draw.bytes(16)) for _ in iter(int, 1))
    popularity = 1 / np.arange(1, len(VILLAGES) + 1)
    order = draw.permutation(len(VILLAGES))
    popularity = popularity[order] / popularity.sum()
    needs = [
        Demand(next(ids), str(draw.choice(ITEMS)), "piece", VILLAGES[int(draw.integers(60))], 1, 0, int(draw.integers(1, 11)))
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
    """The open needs and gifts of a day, and the help of every village so far."""

    def __init__(self, year: Year) -> None:
        self.year = year
        self.rest = {need.id: need.rest for need in year.needs}
        self.free = {gift.id: gift.quantity for gift in year.gifts}
        self.scope: dict[UUID, str] = {}
        self.day = 0
        self.helped: dict[str, int] = dict.fromkeys(VILLAGES, 0)

    def open(self, item: str, village: str | None = None) -> list[Demand]:
        """Return the open needs of an item, in all villages or one, oldest first."""
        found = [
            need
            for need in self.year.needs
            if need.category == item and self.rest[need.id] and self.year.posted[need.id] <= self.day and village in (None, need.region)
        ]
        return sorted(found, key=lambda need: self.year.posted[need.id])

    def changed(self) -> set[str]:
        """Return the items with a new need or gift today."""
        asked = {need.category for need in self.year.needs if self.year.posted[need.id] == self.day}
        return asked | {gift.item for gift in self.year.gifts if gift.day == self.day}

    def waiting(self) -> list[Gift]:
        """Return the pledges with free units, oldest first."""
        return [gift for gift in self.year.gifts if gift.day <= self.day and self.free[gift.id]]

    def give(self, need: Demand, pledge: UUID, quantity: int) -> None:
        if self.rest[need.id] == need.rest:
            self.helped[need.region] += 1
        self.rest[need.id] -= quantity
        self.free[pledge] -= quantity

    def known(self, needs: Sequence[Demand]) -> list[Demand]:
        """Return the needs with today's facts about their villages and households."""
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
