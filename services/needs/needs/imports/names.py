"""Names of items in lists, matched with the catalogue: by its own labels, by what people of a region settled before, or by likeness."""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from needs.catalogue.defaults import Item

MOST_CANDIDATES = 5
MOST_REMEMBERED = 10_000
LEAST_ALIKE, WITHIN = 0.34, 0.9
"""How alike, from 0 to 1, a candidate has to be, and how alike a name is to one that holds it."""
_BRACKETS = re.compile(r"[(\[【{].*?[)\]】}]")
_DROPPED = re.compile(r"[^0-9a-z\u3400-\u9fff\U00020000-\U0003ffff]")


@dataclass(frozen=True, slots=True)
class Matched:
    """The item that a name means, if that is certain; else the items that it is like, the likeliest first."""

    category: str | None
    candidates: tuple[str, ...] = ()


class ItemNames:
    """The names of one region's items: the catalogue's labels, and the names that were settled there."""

    def __init__(self, items: Mapping[str, Item], learned: Mapping[str, str]) -> None:
        """Take the items that are offered, by category, and the categories of names that were settled."""
        labels: dict[str, set[str]] = {}
        for code, item in items.items():
            for label in {code, item.zh, item.en, _without_brackets(item.zh), *item.also}:
                labels.setdefault(plain_name(label), set()).add(code)
        certain = {name: next(iter(codes)) for name, codes in labels.items() if len(codes) == 1}
        self._certain = certain | {name: code for name, code in learned.items() if code in items}
        self._labels, self._learned = labels, {name: code for name, code in learned.items() if code in items}
        self._found = dict[str, str | None]()
        self._matched = dict[str, Matched]()

    def find(self, written: str) -> str | None:
        """Find the item that a name means for certain: one that is the same, but for brackets, spaces and width."""
        if written not in self._found:
            if len(self._found) >= MOST_REMEMBERED:
                self._found.clear()
            names = (plain_name(written), plain_name(_without_brackets(written)))
            self._found[written] = next((self._certain[name] for name in names if name in self._certain), None)
        return self._found[written]

    def match(self, written: str) -> Matched:
        """Match a name, or find the items that it is like. Lists repeat their names, so each is looked up once."""
        if written not in self._matched:
            self._matched[written] = Matched(found) if (found := self.find(written)) else Matched(None, self._find_alike(written))
        return self._matched[written]

    @cached_property
    def _alike(self) -> list[tuple[str, set[str], str]]:
        """Every name with its pairs of characters and its item; most lists hold no name that has to be compared with them."""
        alike = [(name, code) for name, codes in self._labels.items() for code in sorted(codes)]
        return [(name, _pairs(name), code) for name, code in (*alike, *self._learned.items())]

    def _find_alike(self, written: str) -> tuple[str, ...]:
        wanted = plain_name(written)
        pairs, likeness = _pairs(wanted), dict[str, float]()
        for name, others, code in self._alike:
            is_within = len(wanted) >= 2 and len(name) >= 2 and (wanted in name or name in wanted)
            alike = WITHIN if is_within else 2 * len(pairs & others) / (len(pairs) + len(others))
            likeness[code] = max(likeness.get(code, 0.0), alike)
        ordered = sorted(likeness, key=lambda code: (-likeness[code], code))
        return tuple(code for code in ordered[:MOST_CANDIDATES] if likeness[code] >= LEAST_ALIKE)


def _without_brackets(written: str) -> str:
    return _BRACKETS.sub("", unicodedata.normalize("NFKC", written))


def plain_name(written: str) -> str:
    """Return a name without what does not distinguish it: spaces, marks, width and case."""
    return _DROPPED.sub("", unicodedata.normalize("NFKC", written).casefold())


def _pairs(name: str) -> set[str]:
    """Return the pairs of neighbouring characters of a name. Two names are alike as far as they have the same pairs."""
    return {name[at : at + 2] for at in range(len(name) - 1)} or {name}
