"""Comparison of two editions of the division codes: which codes ended, and what can be said for certain about their successors."""

from collections import defaultdict
from collections.abc import Collection, Mapping

from contracts.regions import ancestors, parent


def find_successors(old: Mapping[str, str], new: Mapping[str, str], stated: Mapping[str, Collection[str]]) -> dict[str, tuple[str, ...]]:
    """Find the successors of the codes of `old` that `new` lacks; both are names by code. An empty tuple means that none is certain.

    What is `stated` holds. Any other code has a successor only if exactly one code of the same level and name is new in the successors of
    the division around it.
    """
    fresh: dict[tuple[str, str], set[str]] = defaultdict(set)
    for code, name in new.items():
        if code not in old:
            for around in ancestors(code):
                fresh[around, _alike(code, name)].add(code)
    found: dict[str, tuple[str, ...]] = {}
    for code in sorted(old.keys() - new.keys(), key=lambda code: (len(code), code)):
        if code in stated:
            found[code] = tuple(stated[code])
            continue
        around = parent(code)
        named = {one for place in found.get(around, (around,)) for one in fresh.get((place, _alike(code, old[code])), ())}
        found[code] = tuple(named) if len(named) == 1 else ()
    return found


def _alike(code: str, name: str) -> str:
    """Return what divisions of one level and one name have in common; editions write 街道办事处 and 街道."""
    return f"{len(code)} {name.removesuffix('办事处')}"
