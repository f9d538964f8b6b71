"""The catalogue: items with their units, in groups."""

import tomllib
from functools import cache
from importlib.resources import files
from typing import TypedDict


class Item(TypedDict):
    """An entry of the catalogue. `unit` is None for a group."""

    category: str
    unit: str | None
    zh: str
    en: str


@cache
def catalogue() -> dict[str, Item]:
    """Read all groups and items by category, each group before its items."""
    read = tomllib.loads(files("needs").joinpath("catalogue.toml").read_text("utf-8"))
    groups = {code: Item(category=code, unit=None, zh=zh, en=en) for code, (zh, en) in read["groups"].items()}
    items = {code: Item(category=code, unit=unit, zh=zh, en=en) for code, (unit, zh, en) in read["items"].items()}
    return dict(sorted((groups | items).items()))


def unit_of(category: str) -> str | None:
    """Return the unit of an item; None if the category is not an item."""
    item = catalogue().get(category)
    return item["unit"] if item else None


def units_below(category: str) -> set[str]:
    """Return the units of an item or of all items in a group; empty if the category does not exist."""
    return {item["unit"] for item in catalogue().values() if item["unit"] and f"{item['category']}.".startswith(f"{category}.")}
