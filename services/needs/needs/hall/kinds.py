"""Categories by kind, and those below a category: what the hall's filter by kind and its facets mean."""

from collections.abc import Collection, Iterable
from functools import cache

from needs.catalogue import catalogue
from needs.hall.question import drop_nested


@cache
def kinds_by_item() -> dict[str, str]:
    """Return the kind of each item: what a pledge for it gives."""
    return {category: item.kind for category, item in catalogue().items() if item.unit}


def within(items: Iterable[str], categories: Collection[str]) -> tuple[str, ...]:
    """Return the items that lie within one of these categories."""
    return tuple(sorted(item for item in items if any(_lies_within(item, category) for category in categories)))


def narrow(categories: tuple[str, ...], kind: str) -> tuple[str, ...]:
    """Return the fewest categories that hold the items of this kind within these categories: groups of nothing else, and items."""
    within = {item: its_kind for item, its_kind in kinds_by_item().items() if any(_lies_within(item, category) for category in categories)}
    mixed = {group for item, its_kind in kinds_by_item().items() if its_kind != kind for group in _around(item)}
    whole = {next((group for group in _around(item) if group not in mixed), item) for item, its_kind in within.items() if its_kind == kind}
    asked = {category for category in categories if category}
    return drop_nested(next((each for each in asked if _lies_within(each, one)), one) for one in whole)


def list_below(category: str) -> list[str]:
    """List the groups, or the categories directly below a category."""
    depth = category.count(".") + 1 if category else 0
    return [one for one in catalogue() if one.count(".") == depth and (not category or one.startswith(f"{category}."))]


def _lies_within(category: str, other: str) -> bool:
    return not other or f"{category}.".startswith(f"{other}.")


def _around(item: str) -> list[str]:
    """List the groups around an item, the widest first."""
    path = item.split(".")
    return [".".join(path[:depth]) for depth in range(1, len(path))]
