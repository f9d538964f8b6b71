"""The weight of needs: reference values of items, since events carry no prices, and the factors of urgency."""

import tomllib
from functools import cache
from importlib.resources import files
from typing import Any

URGENCY = {"normal": 1, "urgent": 2, "critical": 4}


@cache
def _read() -> dict[str, Any]:
    return tomllib.loads(files("insight").joinpath("values.toml").read_text("utf-8"))


def fen_of(category: str) -> int | None:
    """Return the reference value of one unit in fen: the item's, else that of the nearest group around it, else None."""
    path = category.split(".")
    around = (".".join(path[:length]) for length in range(len(path), 0, -1))
    return next((_read()["fen"][one] for one in around if one in _read()["fen"]), None)


def value_of(category: str, quantity: int) -> int:
    """Return the value of a need in fen, at most the cap, so that no huge need outweighs all others."""
    fen: int = min((fen_of(category) or _read()["unlisted"]) * quantity, _read()["cap"])
    return fen
