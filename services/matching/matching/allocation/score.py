"""What one unit of a pledge is worth to a need, part by part, by weights that counties may set: a pure function of whole numbers."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields
from functools import lru_cache
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

Key = tuple[str, str, str]
"""Category, unit and scope of a pledge: pledges with the same key serve the same needs equally well."""

MOST = 100_000
LONGEST_WAIT_DAYS = 365
MANY_KEYS = 10
MANY_HELPS = 5
RELIABILITIES = range(5)
PRIOR = 3
"""The reliability class of a pledger about whom nothing is known yet."""


@dataclass(frozen=True)
class Weights:
    """How much each part counts. By default urgency outweighs all others together, so that they decide between equally urgent needs."""

    version: int = 1
    urgency: int = 10_000
    waiting_day: int = 2
    nearer: int = 100
    exact: int = 50
    village: int = 3_000
    floor: int = 500
    household: int = 100
    first_help: int = 1_000
    hardness: int = 30
    reliability: int = 40
    splitting: int = 20
    share: int = 0
    threshold: int = 1

    def wrong(self) -> list[str]:
        """Names of the weights that are out of bounds; `splitting` when a hand-over would cost more than an ordinary need is worth, so that
        it might never get any; `threshold` when no ordinary need would reach it.
        """
        names = [one.name for one in fields(self) if one.name not in {"version", "threshold"}]
        wrong = [name for name in names if not 0 <= getattr(self, name) <= MOST]
        if not wrong and self.splitting > self.urgency:
            wrong.append("splitting")
        if not wrong and not 1 <= self.threshold <= 1 + self.urgency + self.exact:
            wrong.append("threshold")
        return wrong

    @property
    def least(self) -> int:
        """What a unit is worth at the very least, so that a threshold up to this keeps nobody out."""
        return 1 + self.urgency - self.splitting


DEFAULT = Weights()


class Demand(Struct, frozen=True):
    """A need, how much of it is open, and how well its village and its household have fared so far (in needs helped).

    With no needs of the village known, and None of the household, how they fared counts for nothing.
    """

    id: UUID
    category: str
    unit: str
    region: str
    urgency: int
    waiting_days: int
    rest: int
    is_helped: bool = False
    village_needs: int = 0
    village_helped: int = 0
    household_helped: int | None = None


@dataclass(frozen=True)
class Score:
    """What a unit is worth (`value`), of which parts."""

    parts: dict[str, int]

    @property
    def value(self) -> int:
        return sum(self.parts.values())


def keys_of(need: Demand) -> Sequence[Key]:
    """The keys of all pledges that fit: the item or a group above it, the village or a region around it."""
    return _keys(need.category, need.unit, need.region)


@lru_cache(5_000)
def _keys(category: str, unit: str, region: str) -> Sequence[Key]:
    scopes = [region[:length] for length in (0, 2, 4, 6, 9, 12) if length <= len(region)]
    levels = category.split(".")
    return [(".".join(levels[:depth]), unit, scope) for depth in range(len(levels), 0, -1) for scope in scopes]


def of_need(need: Demand, keys_that_fit: int, weights: Weights) -> dict[str, int]:
    """The parts that are the same whoever gives: who needs it most, who has waited, who has had little, whom few can help."""
    village = household = 0
    if need.village_needs:
        helped = min(need.village_helped, need.village_needs)
        village = weights.village - weights.village * helped // need.village_needs + (0 if helped else weights.floor)
    if need.household_helped is not None:
        household = max(0, MANY_HELPS - need.household_helped) * weights.household
    return {
        "urgency": need.urgency * weights.urgency,
        "waiting": min(need.waiting_days, LONGEST_WAIT_DAYS) * weights.waiting_day,
        "village": village,
        "household": household,
        "first_help": 0 if need.is_helped else weights.first_help,
        "hardness": max(0, MANY_KEYS - keys_that_fit) * weights.hardness,
        # A hand-over is the same work whatever it carries: spread over the units that it may carry.
        "splitting": -(weights.splitting // need.rest),
        "share": weights.share // need.rest,
    }


def of_pair(need: Demand, key: Key, weights: Weights) -> tuple[int, int]:
    """`fit` and `distance`: the nearest and most exact pledge is worth most, so that wide ones are kept for others.

    A fit is worth something whatever the weights: else those that make everything equal would leave everything lying.
    """
    category, _, scope = key
    return 1 + (weights.exact if category == need.category else 0), len(scope) // 2 * weights.nearer


def of_pledge(reliability: int, extra: int, weights: Weights) -> tuple[int, int]:
    """`reliability` of who gives, and `extra`: what this pledge costs beside, taken off."""
    return reliability * weights.reliability, -extra


def score(need: Demand, key: Key, keys_that_fit: int, weights: Weights = DEFAULT, reliability: int = PRIOR, extra: int = 0) -> Score:
    """All parts of what one unit is worth."""
    parts = of_need(need, keys_that_fit, weights)
    parts["fit"], parts["distance"] = of_pair(need, key, weights)
    parts["reliability"], parts["extra"] = of_pledge(reliability, extra, weights)
    return Score(parts)


def kept_for(lain: float, hold: float) -> int:
    """The least urgency that may have a pledge yet which has lain open so long (both in the same unit of time).

    For the first third of `hold` only the critical, until it is over only the urgent too: who is worse off may be about to ask.
    """
    return 4 if 3 * lain < hold else 2 if lain < hold else 1


def in_turn(needs: Sequence[Demand]) -> list[Demand]:
    """The needs of one clearing, each as if those before it in its village were helped already: no village takes a whole clearing."""
    places: dict[str, int] = {}
    turned = {}
    for need in sorted(needs, key=lambda need: (-need.urgency, need.is_helped, need.household_helped or 0, -need.waiting_days)):
        place = places.get(need.region, 0)
        places[need.region] = place + 1
        turned[need.id] = replace(need, village_helped=need.village_helped + place) if place else need
    return [turned[need.id] for need in needs]


def decided_by(need: Demand, parts: dict[str, int], lead: int | None, weights: Weights) -> Collection[str]:
    """The parts without which another need might have come first: each is worth as much as the whole lead or more."""
    if lead is None:
        return ()
    lost = {"urgency": (need.urgency - 1) * weights.urgency} | {
        name: parts[name] for name in ("waiting", "village", "household", "first_help", "hardness")
    }
    return [name for name, loss in lost.items() if loss and loss >= lead]
