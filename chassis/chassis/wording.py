"""Quantities of items in words, in Chinese and English: 2 床棉被, 50 kg of rice, 医疗费资助 20,000 元.

Slips, labels, notices and reasons of every service speak of a quantity through `word_quantity`.
"""

from dataclasses import dataclass
from typing import Literal

Role = Literal["plain", "asked", "given"]
"""The place of a quantity in a sentence: a thing, the wish of a household (需要…, needs …), or the act of a giver (提供…, give …)."""

UNITS = {
    "kg": ("公斤", "{n} kg of {item}", "{n} kg of {item}"),
    "l": ("升", "{n} l of {item}", "{n} l of {item}"),
    "t": ("吨", "{n} t of {item}", "{n} t of {item}"),
    "m": ("米", "{n} m of {item}", "{n} m of {item}"),
    "m2": ("平方米", "{n} m² of {item}", "{n} m² of {item}"),
    "mu": ("亩", "{item} on {n} mu", "{item} on {n} mu"),
    "piece": ("件", "{n} × {item}", "{n} × {item}"),
    "pair": ("双", "{n} pair of {item}", "{n} pairs of {item}"),
    "box": ("箱", "{n} box of {item}", "{n} boxes of {item}"),
    "tin": ("罐", "{n} tin of {item}", "{n} tins of {item}"),
    "bag": ("袋", "{n} bag of {item}", "{n} bags of {item}"),
    "bottle": ("瓶", "{n} bottle of {item}", "{n} bottles of {item}"),
    "set": ("套", "{n} set of {item}", "{n} sets of {item}"),
    "fen": ("元", "¥{n} for {item}", "¥{n} for {item}"),
    "hour": ("小时", "{n} hour of {item}", "{n} hours of {item}"),
    "day": ("天", "{n} day of {item}", "{n} days of {item}"),
    "visit": ("次", "{n} × {item}", "{n} × {item}"),
    "person": ("人", "{item} for {n} person", "{item} for {n} people"),
}
"""Units of the catalogue: the Chinese measure word, and the English form for one and for many."""
JOB_EN = ("{n} {item}", "{n} {item}s")
_ASKED_ZH = {"goods": "需要 ", "money": "需要", "service": "需要 ", "job": "希望获得 ", "purchase": "希望售出 "}
_GIVEN_ZH = {"goods": "提供 ", "money": "提供", "service": "提供 ", "job": "提供 ", "purchase": "收购 "}
_ASKED_EN = {"job": "hopes for", "purchase": "hopes to sell", "training": "hopes for"}
_GIVEN_EN = {"job": "offer", "purchase": "buy", "training": "offer", "service": "offer"}


@dataclass(frozen=True)
class ItemWords:
    """The words of an item or group. `noun_zh` and `noun_en` name the thing in a sentence, where the label does not: 鸡蛋 for 帮销鸡蛋."""

    category: str
    unit: str | None
    kind: str
    zh: str
    en: str
    measure: str = ""
    noun_zh: str = ""
    noun_en: str = ""

    def label(self, language: str) -> str:
        """Return the name in `zh-CN` or `en`."""
        return self.zh if language == "zh-CN" else self.en


def unknown_item(category: str) -> ItemWords:
    """Return the words of an item that is not known here, or not any more: its code."""
    return ItemWords(category, None, "goods", category, category)


def word_quantity(item: ItemWords, quantity: int, unit: str, language: str, role: Role = "plain") -> str:
    """Word a quantity of an item: `2 床棉被`, `需要 2 床棉被` when asked for, `提供 2 床棉被` when given.

    Money is counted in fen and worded in yuan. A unit without words is shown as it is.
    """
    number = format_number(quantity, unit)
    if language == "zh-CN":
        return _in_chinese(item, number, unit, role)
    return _in_english(item, number, unit, role, is_one=quantity == 1)


def format_number(quantity: int, unit: str) -> str:
    """Format a figure for people: money in yuan, with cents where there are any."""
    return f"{quantity / 100:,.2f}".removesuffix(".00") if unit == "fen" else f"{quantity:,}"


def measure_of(item: ItemWords, unit: str) -> str:
    """Return the Chinese measure word of an item."""
    return item.measure or (UNITS[unit][0] if unit in UNITS else "")


def _in_chinese(item: ItemWords, number: str, unit: str, role: Role) -> str:
    noun = item.noun_zh or item.zh
    if unit == "fen":
        plain = f"{noun} {number} 元"
    elif item.kind == "training" and unit == "person":
        return _training_in_chinese(noun, number, role)
    else:
        measure = measure_of(item, unit)
        plain = f"{number} {measure}{noun}" if measure else f"{number} {unit} {noun}"
    before = {"plain": {}, "asked": _ASKED_ZH, "given": _GIVEN_ZH}[role]
    return before.get(item.kind, before.get("goods", "")) + plain


def _training_in_chinese(noun: str, number: str, role: Role) -> str:
    return {"plain": f"{number} 人参加{noun}", "asked": f"有 {number} 人希望参加{noun}", "given": f"为 {number} 人提供{noun}"}[role]


def _in_english(item: ItemWords, number: str, unit: str, role: Role, *, is_one: bool) -> str:
    name = item.noun_en or item.en
    noun = name if name[:2].isupper() else name[:1].lower() + name[1:]
    one, many = JOB_EN if item.kind == "job" and unit == "person" else UNITS.get(unit, ("", *["{n} " + unit + " {item}"] * 2))[1:3]
    plain = (one if is_one else many).format(n=number, item=noun)
    verb = {"plain": "", "asked": _ASKED_EN.get(item.kind, "needs"), "given": _GIVEN_EN.get(item.kind, "give")}[role]
    return f"{verb} {plain}".strip()
