"""The items of the catalogue as this release ships them, for services that have not heard of them yet.

`items.json` is generated from the catalogue of needs. `CatalogueChanged` says what holds now.
"""

from collections.abc import Mapping
from functools import cache
from importlib.resources import files

import msgspec


class ShippedItem(msgspec.Struct, frozen=True, omit_defaults=True):
    """The words of an item or group, and the most that a unit usually costs in fen. A group has no unit."""

    category: str
    unit: str | None
    kind: str
    zh: str
    en: str
    measure: str = ""
    noun_zh: str = ""
    noun_en: str = ""
    price: int | None = None


@cache
def shipped_items() -> Mapping[str, ShippedItem]:
    """Read all items and groups by category."""
    found = msgspec.json.decode(files("contracts").joinpath("items.json").read_bytes(), type=list[ShippedItem])
    return {item.category: item for item in found}
