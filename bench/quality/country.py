"""Invented needs and pledges for the quality bench, dominated by a few villages, items and scopes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

import numpy as np

from matching.allocation.score import DEFAULT, Demand, Key, Weights, list_fitting_keys, score_unit
from matching.allocation.solver import Supply

ITEMS = [f"{group}.{item}" for group in ("food", "health", "home", "school", "tools") for item in "abcdef"]
VILLAGES = [
    f"51{city:02d}{county:02d}{town:03d}{village:03d}"
    for city in (7, 9)
    for county in (3, 22, 81)
    for town in (1, 2, 3)
    for village in range(1, 6)
]
SCOPES = np.array([0, 2, 4, 6, 9, 12])
"""How many digits of a region the scope of a pledge has, and how often."""
OFTEN = np.array([0.1, 0.1, 0.2, 0.35, 0.15, 0.1])


@dataclass(frozen=True)
class Rankings:
    items: list[str]
    villages: list[str]


@dataclass(frozen=True)
class Luck:
    """A seeded source of people and things. Needs and pledges have separate rankings, since popular gifts are not the wanted ones."""

    draw: np.random.Generator

    def rankings(self) -> "Rankings":
        return Rankings([str(one) for one in self.draw.permutation(ITEMS)], [str(one) for one in self.draw.permutation(VILLAGES)])

    def ranked(self, things: Sequence[str], count: int) -> list[str]:
        """Return weights that fall as one over the rank."""
        weight = 1 / np.arange(1, len(things) + 1)
        return [things[place] for place in self.draw.choice(len(things), count, p=weight / weight.sum())]

    def ids(self, count: int) -> list[UUID]:
        return [UUID(bytes=self.draw.bytes(16)) for _ in range(count)]

    def needs(self, count: int, urgencies: Sequence[float] = (1, 1, 1)) -> list[Demand]:
        """Draw needs; by default each urgency is equally frequent."""
        ranked = self.rankings()
        urgency = self.draw.choice([1, 2, 4], count, p=np.array(urgencies) / sum(urgencies))
        days, rest = self.draw.integers(0, 60, count), self.draw.integers(1, 21, count)
        columns = zip(
            self.ids(count), self.ranked(ranked.items, count), self.ranked(ranked.villages, count), urgency, days, rest, strict=True
        )
        return [Demand(id_, item, "piece", village, int(how), int(since), int(much)) for id_, item, village, how, since, much in columns]

    def pledges(self, units: int, extras: Sequence[int] = (0,)) -> list[Supply]:
        """Draw pledges of so many units; a fifth is for a group of items, scopes reach from the country to one village."""
        ranked = self.rankings()
        made: list[Supply] = []
        total = 0
        while total < units:
            [item], [village], [id_] = self.ranked(ranked.items, 1), self.ranked(ranked.villages, 1), self.ids(1)
            scope = village[: self.draw.choice(SCOPES, p=OFTEN)]
            category = item.split(".")[0] if self.draw.random() < 0.2 else item
            rest = min(int(self.draw.integers(1, 41)), units - total)
            reliability, extra = int(self.draw.integers(0, 5)), int(self.draw.choice(extras))
            made.append(Supply(id_, (category, "piece", scope), rest, reliability, extra))
            total += rest
        return made

    def barred(self, needs: Sequence[Demand], pledges: Sequence[Supply], share: float) -> dict[UUID, frozenset[UUID]]:
        """Draw refused pairs: so many pledges of each hundred, with a few needs each."""
        tried = max(1, int(share * len(pledges)))
        refused: dict[UUID, set[UUID]] = {}
        for need in needs:
            for place in self.draw.integers(0, len(pledges), tried):
                refused.setdefault(pledges[place].id, set()).add(need.id)
        return {pledge: frozenset(by) for pledge, by in refused.items()}


def worth(
    needs: Sequence[Demand], pledges: Sequence[Supply], barred: Mapping[UUID, frozenset[UUID]], weights: Weights = DEFAULT
) -> list[tuple[int, int, int]]:
    """Return (need, pledge, value of a unit) for every pair that fits, computed pair by pair without grouping."""
    keys = {pledge.key for pledge in pledges}
    found = []
    for row, need in enumerate(needs):
        fitting: set[Key] = set(list_fitting_keys(need)) & keys
        value_of = {key: score_unit(need, key, len(fitting), weights, 0).value for key in fitting}
        for place, pledge in enumerate(pledges):
            if pledge.key in value_of and need.id not in barred.get(pledge.id, ()):
                value = value_of[pledge.key] + pledge.reliability * weights.reliability - pledge.extra
                if value >= weights.threshold:
                    found.append((row, place, value))
    return found
