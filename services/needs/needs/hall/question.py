"""A question to the hall, and the ranges of the listing that answer it in order. Pure functions."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import product

URGENCIES = {"normal": 1, "urgent": 2, "critical": 4}
LEVELS = {"township": 9, "county": 6, "city": 4, "province": 2, "country": 0}
"""The regions around a place, the nearest first, with the length of their codes."""


@dataclass(frozen=True)
class Question:
    """The filters of a question. Categories do not lie within one another; `""` is every category, and none is nothing.

    A need fits the `words` when its item is one of `items`, or its story holds them all. `near` is the place that distances are counted
    from.
    """

    region: str = ""
    categories: tuple[str, ...] = ("",)
    urgencies: tuple[int, ...] = ()
    only_open: bool = False
    since: datetime | None = None
    until: datetime | None = None
    words: tuple[str, ...] = ()
    items: tuple[str, ...] = ()
    sort: str = "newest"
    near: str = ""

    @property
    def is_ascending(self) -> bool:
        """True when the needs that have waited longest come first."""
        return self.sort == "longest_waiting"


@dataclass(frozen=True)
class Stage:
    """Regions and urgencies whose needs stand together, in the order of their ids. `urgencies` are empty where they do not matter."""

    regions: tuple[str, ...]
    urgencies: tuple[int, ...] = ()
    without: str = field(default="", compare=False)


@dataclass(frozen=True)
class Range:
    """One range of the listing: of a region and category, and of an urgency and state where these are asked for."""

    region: str
    category: str
    urgency: int | None = None
    is_open: bool | None = None


def drop_nested(categories: Iterable[str]) -> tuple[str, ...]:
    """Leave out categories that lie within another one of them."""
    kept: list[str] = []
    for category in sorted(set(categories)):
        if not any(f"{category}.".startswith(f"{other}.") for other in kept):
            kept.append(category)
    return tuple(kept)


def list_stages(question: Question) -> list[Stage]:
    """List the stages of a question: one, or one for each urgency, or one for each distance.

    A stage of a distance names the region around the place, and in `without` the nearer part that came before.
    """
    if question.sort == "most_urgent":
        wanted = question.urgencies or tuple(URGENCIES.values())
        return [Stage((question.region,), (urgency,)) for urgency in sorted(wanted, reverse=True)]
    if question.sort != "nearest" or not question.near.startswith(question.region):
        return [Stage((question.region,), question.urgencies)]
    lengths = [length for length in LEVELS.values() if len(question.region) <= length <= len(question.near)]
    around = [question.near[:length] for length in lengths]
    return [Stage((place,), question.urgencies, without=nearer) for place, nearer in zip(around, ["", *around], strict=False)]


def list_ranges(question: Question, stage: Stage, regions: Sequence[str]) -> list[Range]:
    """List the ranges of a stage in these regions."""
    if not stage.urgencies and not question.only_open:
        return [Range(*pair) for pair in product(regions, question.categories)]
    urgencies = stage.urgencies or tuple(URGENCIES.values())
    states = (True,) if question.only_open else (True, False)
    return [Range(*key) for key in product(regions, question.categories, urgencies, states)]


def search_keys(question: Question) -> list[str]:
    """List the keys that a need must have in the index of words: its pairs of characters, its region, a single category or urgency."""
    keys = [*question.words]
    keys += [f"@{question.region}"] if question.region else []
    return keys + ([f"#{question.categories[0]}"] if len(question.categories) == 1 and question.categories[0] else [])


def place_in_order(urgency: int, region: str, question: Question, public_towns: Collection[str]) -> int:
    """Return the number of the stage in which a need stands."""
    stages = list_stages(question)
    for number, stage in enumerate(stages):
        shown = region[:9] if region[:9] in public_towns else region[:6]
        of_urgency = not stage.urgencies or urgency in stage.urgencies
        in_place = shown.startswith(stage.regions[0]) and not (stage.without and shown.startswith(stage.without))
        if of_urgency and in_place:
            return number
    return len(stages)
