"""The words of slips and labels: readable quantities, titles, kinds of givers."""

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

GOODS = "goods"


def format_amount(quantity: int, unit: str, category: str, language: str) -> str:
    """Format a quantity in `zh-CN` or `en`: 50 公斤大米, 50 kg of rice.

    Money is counted in fen and shown in yuan. Codes without a name are shown as they are.
    """
    zh, en = _words()["categories"].get(category, [category] * 2)
    item = zh if language == "zh-CN" else en if en[:2].isupper() else en[:1].lower() + en[1:]
    number = f"{quantity / 100:,.2f}".removesuffix(".00") if unit == "fen" else f"{quantity:,}"
    forms = _words()["units"].get(unit, [f"{{n}} {unit} {{item}}"] * 3)
    form = _words()["measures"].get(category, forms[0]) if language == "zh-CN" else forms[1] if quantity == 1 else forms[2]
    return str(form).format(n=number, item=item)


def find_kind(category: str) -> str:
    """Return what a match of this item hands over: goods, money, or no thing at all, as a job, training, service or purchase."""
    parts, kinds = category.split("."), _words()["kinds"]
    around = (".".join(parts[:depth]) for depth in range(len(parts), 0, -1))
    return next((str(kinds[path]) for path in around if path in kinds), GOODS)


def paper_words(category: str) -> Mapping[str, Any]:
    """Return the title and the sentences of the slip for an item."""
    words: Mapping[str, Any] = _words()["papers"][find_kind(category)]
    return words


def format_giver(kind: str | None) -> tuple[str, str]:
    """Return the kind of a giver in Chinese and English."""
    zh, en = _words()["givers"].get(kind or "", ["爱心方", "giver"])
    return zh, en


@cache
def _words() -> dict[str, Any]:
    return tomllib.loads(files("matching.slips").joinpath("labels.toml").read_text("utf-8"))
