"""The limits of the software, and how much of an item counts as one unit, read from `limits.toml`."""

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

Key = tuple[str, str, str]
"""Kind of user, trust, limit."""


@cache
def default_limits() -> Mapping[Key, int]:
    """Return every limit that the software has."""
    return {
        (kind, trust, limit): most
        for kind, by_trust in _table().items()
        if kind != "one_unit"
        for trust, limits in by_trust.items()
        for limit, most in limits.items()
    }


def size_of_unit(category: str, unit: str) -> int:
    """Return how much of an item or a group counts as one unit of the limit, in its unit of measure."""
    sizes = _table()["one_unit"]
    return int(sizes["items"].get(category) or sizes["measures"].get(unit, 1))


@cache
def _table() -> dict[str, dict[str, Any]]:
    return tomllib.loads(files("needs").joinpath("limits/limits.toml").read_text("utf-8"))
