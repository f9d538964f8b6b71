"""The national catalogue as it is shipped: groups and items of `items.toml`, forbidden words of `forbidden.toml`."""

import tomllib
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from functools import cache
from importlib.resources import files
from typing import Any
from uuid import UUID, uuid5

_IDS = UUID("0194d1c8-7e00-7000-8000-000000000000")
SITE = 50
"""An institution may ask for so many times as much of an item as a household, unless the item says otherwise."""
OF_ITEMS = (
    "unit",
    "measure",
    "noun",
    "most",
    "site",
    "person",
    "household",
    "price",
    "before",
    "spec",
    "photo",
    "reason",
    "set",
    "kind",
    "also",
)


@dataclass(frozen=True)
class Item:
    """A group or an item of the catalogue. `unit` is None for a group. Figures of None are not limited, or not known."""

    category: str
    unit: str | None
    zh: str
    en: str
    kind: str = "goods"
    measure: str = ""
    noun_zh: str = ""
    noun_en: str = ""
    set: str = ""
    most: int | None = None
    most_of_institution: int | None = None
    per_person: int | None = None
    per_household: int | None = None
    price: int | None = None
    days: int = 90
    best_before: bool = False
    photo: str = "none"
    reason_length: int = 1
    specification: tuple[str, ...] = ()
    required: tuple[str, ...] = ()
    also: tuple[str, ...] = ()

    @property
    def id(self) -> UUID:
        """The id of the item in events, the same in every installation."""
        return uuid5(_IDS, self.category)

    def facts(self) -> dict[str, Any]:
        """Return everything that is stored about the item, as JSON has it."""
        facts = {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}
        # An item without other names keeps the facts, and so the version, that it had before there were any.
        return facts if self.also else {name: value for name, value in facts.items() if name != "also"}


@dataclass(frozen=True)
class Forbidden:
    """Words that no need may ask for, and the items that may be asked for instead. `brand` marks a brand of an allowed thing."""

    code: str
    zh: str
    en: str
    words: tuple[str, ...]
    instead: tuple[str, ...] = ()
    brand: bool = False
    unless: tuple[str, ...] = ()
    unless_before: tuple[str, ...] = ()

    def __hash__(self) -> int:
        # A list of entries is the key under which its pattern is kept; its many words are compared only when two entries differ.
        return hash(self.code)


@cache
def catalogue() -> Mapping[str, Item]:
    """Read all groups and items by category, each group before its items."""
    read = tomllib.loads(files("needs.catalogue").joinpath("items.toml").read_text("utf-8"))
    groups = {code: Item(category=code, unit=None, **group) for code, group in read["groups"].items()}
    items = {code: _item(code, stated, groups[code.partition(".")[0]]) for code, stated in read["items"].items()}
    return dict(sorted((groups | items).items()))


@cache
def forbidden() -> tuple[Forbidden, ...]:
    """Read the forbidden words of the whole country."""
    read = tomllib.loads(files("needs.catalogue").joinpath("forbidden.toml").read_text("utf-8"))
    exempt: dict[str, Any] = {name: tuple(read[name]) for name in ("unless", "unless_before")}
    return tuple(Forbidden(**one | {name: tuple(one[name]) for name in ("words", "instead")}, **exempt) for one in read["forbidden"])


def read_item(facts: Mapping[str, Any]) -> Item:
    """Return an item from its stored facts; fields that a later release added have their defaults."""
    known: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in facts.items() if name in Item.__dataclass_fields__
    }
    return Item(**known)


def unit_of(category: str) -> str | None:
    """Return the unit of an item; None if the category is not an item."""
    item = catalogue().get(category)
    return item.unit if item else None


def units_below(category: str) -> set[str]:
    """Return the units of an item or of all items in a group; empty if the category does not exist."""
    return {item.unit for item in _below(category) if item.unit}


def kinds_below(category: str, unit: str) -> set[str]:
    """Return the kinds of pledges that fit an item, or the items of a group with this unit."""
    return {item.kind for item in _below(category) if item.unit == unit}


def has_best_before(category: str, unit: str, kind: str) -> bool:
    """Tell whether a pledge of goods may hold something with a best-before date: the item, or one of the group with this unit."""
    return kind == "goods" and any(item.best_before for item in _below(category) if item.unit == unit and item.kind == kind)


def choose_kind(fitting: Collection[str]) -> str:
    """Return the kind of a pledge that names none: goods where they fit, else the first kind by name."""
    return "goods" if "goods" in fitting else min(fitting)


def _below(category: str) -> list[Item]:
    return [item for item in catalogue().values() if item.unit and f"{item.category}.".startswith(f"{category}.")]


def _item(code: str, stated: Mapping[str, Any], group: Item) -> Item:
    if unknown := stated.keys() - {"zh", "en", *OF_ITEMS}:
        raise ValueError(f"items.toml: {code}: there is no field {', '.join(sorted(unknown))}")
    most, fields = stated.get("most"), stated.get("spec", [])
    noun_zh, noun_en = stated.get("noun", ("", ""))
    return Item(
        category=code,
        unit=stated["unit"],
        zh=stated["zh"],
        en=stated["en"],
        kind=stated.get("kind", group.kind),
        measure=stated.get("measure", ""),
        noun_zh=noun_zh,
        noun_en=noun_en,
        set=stated.get("set", ""),
        most=most,
        most_of_institution=stated.get("site", most and min(most * SITE, 10**9)),
        per_person=stated.get("person"),
        per_household=stated.get("household"),
        price=1 if stated["unit"] == "fen" else stated.get("price"),
        days=group.days,
        best_before=stated.get("before", False),
        photo=stated.get("photo", group.photo),
        reason_length=stated.get("reason", 1),
        specification=tuple(one.removesuffix("!") for one in fields),
        required=tuple(one.removesuffix("!") for one in fields if one.endswith("!")),
        also=tuple(stated.get("also", ())),
    )
