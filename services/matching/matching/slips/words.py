"""The words of slips and labels: titles by the kind of item, kinds of givers."""

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from chassis.wording import ItemWords, word_quantity

GOODS = "goods"
KINDS = [GOODS, "job", "training", "service", "purchase", "money"]


def format_amount(item: ItemWords, quantity: int, unit: str, language: str) -> str:
    """Format what a match hands over in `zh-CN` or `en`: 50 公斤大米, 收购 50 公斤鸡蛋."""
    return word_quantity(item, quantity, unit, language, "given" if item.kind == "purchase" else "plain")


def paper_words(kind: str) -> Mapping[str, Any]:
    """Return the title and the sentences of the slip for a kind of item."""
    words: Mapping[str, Any] = _words()["papers"].get(kind) or _words()["papers"][GOODS]
    return words


def format_giver(kind: str | None) -> tuple[str, str]:
    """Return the kind of a giver in Chinese and English."""
    zh, en = _words()["givers"].get(kind or "", ["帮扶方", "giver"])
    return zh, en


@cache
def _words() -> dict[str, Any]:
    return tomllib.loads(files("matching.slips").joinpath("labels.toml").read_text("utf-8"))
