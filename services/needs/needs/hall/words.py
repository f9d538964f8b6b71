"""Words by which the hall finds a need: pairs of neighbouring characters, because Chinese has no spaces."""

import unicodedata
from functools import cache, lru_cache
from itertools import pairwise

from needs.catalogue import catalogue
from needs.model import Need


def list_bigrams(written: str) -> set[str]:
    """List the pairs of neighbouring letters and digits in a text, in one spelling; `棉被 2` gives `棉被` alone."""
    return {first + second for run in list_runs(written) for first, second in pairwise(run)}


def list_runs(written: str) -> list[str]:
    """List the runs of letters and digits in a text, in one spelling."""
    spelled = unicodedata.normalize("NFKC", written).casefold()
    return "".join(character if character.isalnum() else " " for character in spelled).split()


def words_of(need: Need) -> list[str]:
    """List the words of a need's public story. Those of its item stand in the catalogue."""
    return sorted(list_bigrams(need.story or ""))


@lru_cache(maxsize=1_000)
def find_items(written: str) -> frozenset[str]:
    """Find the items whose names, with those of the groups around them, hold all that is written."""
    runs = list_runs(written)
    return frozenset(item for item, names in _names_by_item().items() if all(run in names for run in runs))


@cache
def _names_by_item() -> dict[str, str]:
    """Return the names of each item and its groups in both languages, in one spelling."""
    found = {}
    for category, item in catalogue().items():
        if item.unit:
            path = category.split(".")
            around = (catalogue().get(".".join(path[:depth])) for depth in range(1, len(path) + 1))
            names = [name for one in around if one for name in (one.zh, one.en, *one.also)]
            found[category] = " ".join(run for name in names for run in list_runs(name))
    return found
