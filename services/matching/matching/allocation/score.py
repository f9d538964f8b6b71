"""The score of one unit of a pledge for a need, part by part, in whole numbers, by weights that regions may set."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields
from functools import lru_cache
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

Key = tuple[str, str, str]
"""Category, unit and scope of a pledge: pledges with the same key fit the same needs equally well."""

SCOPE_LENGTHS = (0, 2, 4, 6, 9)
"""The lengths of a scope's code, down to the township. A pledge to one village would tell by its proposals which needs are there."""
MAX_WEIGHT = 100_000
LONGEST_WAIT_DAYS = 365
ENOUGH_KEYS = 10
ENOUGH_HELP = 5
RELIABILITY_CLASSES = range(5)
PRIOR_CLASS = 3
"""The reliability class of a pledger without any events."""


@dataclass(frozen=True)
class Weights:
    """The weights of the parts. By default urgency outweighs all others together; they decide between equally urgent needs."""

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

    def out_of_bounds(self) -> list[str]:
        """List the weights that are out of bounds.

        `splitting` is when a hand-over costs more than an ordinary need scores, and `threshold` when no ordinary need can reach it.
        """
        names = [one.name for one in fields(self) if one.name not in {"version", "threshold"}]
        wrong = [name for name in names if not 0 <= getattr(self, name) <= MAX_WEIGHT]
        if not wrong and self.splitting > self.urgency:
            wrong.append("splitting")
        if not wrong and not 1 <= self.threshold <= 1 + self.urgency + self.exact:
            wrong.append("threshold")
        return wrong

    @property
    def lowest_value(self) -> int:
        """The lowest possible score of a unit; a threshold up to this excludes nothing."""
        return 1 + self.urgency - self.splitting


DEFAULT = Weights()


class Demand(Struct, frozen=True):
    """An open need with its open quantity (`rest`) and the recent help of its village and household, in needs.

    Without known needs of the village, or with None for the household, that help does not count.
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
    """The score of a unit (`value`), as the sum of its parts."""

    parts: dict[str, int]

    @property
    def value(self) -> int:
        """The sum of the parts."""
        return sum(self.parts.values())


def list_fitting_keys(need: Demand) -> Sequence[Key]:
    """List the keys of all fitting pledges: for the item or a group above it, for the village or a region around it."""
    return _keys(need.category, need.unit, need.region)


@lru_cache(5_000)
def _keys(category: str, unit: str, region: str) -> Sequence[Key]:
    # Processes of the release before write villages too, until they are replaced.
    scopes = [region[:length] for length in (*SCOPE_LENGTHS, 12) if length <= len(region)]
    levels = category.split(".")
    return [(".".join(levels[:depth]), unit, scope) for depth in range(len(levels), 0, -1) for scope in scopes]


def score_need(need: Demand, keys_that_fit: int, weights: Weights) -> dict[str, int]:
    """Return the parts that depend on the need alone: urgency, waiting, recent help, and how few kinds of pledges fit."""
    village = household = 0
    if need.village_needs:
        helped = min(need.village_helped, need.village_needs)
        village = weights.village - weights.village * helped // need.village_needs + (0 if helped else weights.floor)
    if need.household_helped is not None:
        household = max(0, ENOUGH_HELP - need.household_helped) * weights.household
    return {
        "urgency": need.urgency * weights.urgency,
        "waiting": min(need.waiting_days, LONGEST_WAIT_DAYS) * weights.waiting_day,
        "village": village,
        "household": household,
        "first_help": 0 if need.is_helped else weights.first_help,
        "hardness": max(0, ENOUGH_KEYS - keys_that_fit) * weights.hardness,
        # The cost of one hand-over is the same for any quantity, so it is spread over the units.
        "splitting": -(weights.splitting // need.rest),
        "share": weights.share // need.rest,
    }


def score_pair(need: Demand, key: Key, weights: Weights) -> tuple[int, int]:
    """Return `fit` and `distance`: near and exact pledges score most, so that wide ones stay free for other needs.

    A fit scores at least 1, whatever the weights: with a score of 0 nothing would be matched.
    """
    category, _, scope = key
    return 1 + (weights.exact if category == need.category else 0), len(scope) // 2 * weights.nearer


def score_pledge(reliability: int, extra: int, weights: Weights) -> tuple[int, int]:
    """Return `reliability`, by the class of the pledger, and `extra`, the negative extra cost of the pledge."""
    return reliability * weights.reliability, -extra


def score_unit(
    need: Demand, key: Key, keys_that_fit: int, weights: Weights = DEFAULT, reliability: int = PRIOR_CLASS, extra: int = 0
) -> Score:
    """Score one unit, with all parts."""
    parts = score_need(need, keys_that_fit, weights)
    parts["fit"], parts["distance"] = score_pair(need, key, weights)
    parts["reliability"], parts["extra"] = score_pledge(reliability, extra, weights)
    return Score(parts)


def find_least_urgency(lain: float, hold: float) -> int:
    """Return the least urgency that may get a pledge that has lain open so long (both in the same unit of time).

    In the first third of `hold` only critical needs may get it, until its end also urgent ones. A worse-off household may be about to ask.
    """
    return 4 if 3 * lain < hold else 2 if lain < hold else 1


def rank_within_villages(needs: Sequence[Demand]) -> list[Demand]:
    """Return the needs, each as if those before it in its village were helped already: no village takes a whole clearing."""
    places: dict[str, int] = {}
    turned = {}
    for need in sorted(needs, key=lambda need: (-need.urgency, need.is_helped, need.household_helped or 0, -need.waiting_days)):
        place = places.get(need.region, 0)
        places[need.region] = place + 1
        turned[need.id] = replace(need, village_helped=need.village_helped + place) if place else need
    return [turned[need.id] for need in needs]


def find_deciding_parts(need: Demand, parts: dict[str, int], lead: int | None, weights: Weights) -> Collection[str]:
    """Find the parts that decided against other needs: each is worth at least the whole lead."""
    if lead is None:
        return ()
    lost = {"urgency": (need.urgency - 1) * weights.urgency} | {
        name: parts[name] for name in ("waiting", "village", "household", "first_help", "hardness")
    }
    return [name for name, loss in lost.items() if loss and loss >= lead]
