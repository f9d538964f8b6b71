"""What can be asked for and pledged: items with their units, in groups."""

import tomllib
from functools import cache
from importlib.resources import files
from typing import TypedDict


class Item(TypedDict):
    """A line of the catalogue. `unit` is empty for a group."""

    category: str
    unit: str | None
    zh: str
    en: str


@cache
def catalogue() -> dict[str, Item]:
    """All groups and items by category, groups before what they hold."""
    read = tomllib.loads(files("needs").joinpath("catalogue.toml").read_text("utf-8"))
    groups = {code: Item(category=code, unit=None, zh=zh, en=en) for code, (zh, en) in read["groups"].items()}
    items = {code: Item(category=code, unit=unit, zh=zh, en=en) for code, (unit, zh, en) in read["items"].items()}
    return dict(sorted((groups | items).items()))


def unit_of(category: str) -> str | None:
    """The unit in which an item is asked for; None when the category is no item."""
    item = catalogue().get(category)
    return item["unit"] if item else None


def units_below(category: str) -> set[str]:
    """The units in which somebody may pledge for an item or a group; empty when there is no such category."""
    return {item["unit"] for item in catalogue().values() if item["unit"] and f"{item['category']}.".startswith(f"{category}.")}
