"""What needs weigh: events carry no prices, so insight keeps reference values of its own, and what urgency counts for."""

import tomllib
from functools import cache
from importlib.resources import files
from typing import Any

URGENCY = {"normal": 1, "urgent": 2, "critical": 4}


@cache
def _read() -> dict[str, Any]:
    return tomllib.loads(files("insight").joinpath("values.toml").read_text("utf-8"))


def fen_of(category: str) -> int | None:
    """The reference value of one unit of an item, in fen; that of the nearest group around an unlisted one, None without any."""
    path = category.split(".")
    around = (".".join(path[:length]) for length in range(len(path), 0, -1))
    return next((_read()["fen"][one] for one in around if one in _read()["fen"]), None)


def value_of(category: str, quantity: int) -> int:
    """What a need of so many units is worth, in fen, up to the cap: a need of a thousand million must not outweigh all others."""
    fen: int = min((fen_of(category) or _read()["unlisted"]) * quantity, _read()["cap"])
    return fen
