"""Quantities of items in words, in Chinese and English: 2 床棉被, 2 quilts, 医疗费资助 20,000 元.

Slips, labels, notices and reasons of every service speak of a quantity through `word_quantity`.
"""

import re
from dataclasses import dataclass
from typing import Literal

Role = Literal["plain", "asked", "given"]
"""The place of a quantity in a sentence: a thing, the wish of a household (需要…, needs …), or the act of a giver (提供…, give …)."""

UNITS = {
    "kg": ("公斤", "kg", "{n} kg of {item}", "{n} kg of {item}"),
    "l": ("升", "litres", "{n} litre of {item}", "{n} litres of {item}"),
    "t": ("吨", "tonnes", "{n} tonne of {item}", "{n} tonnes of {item}"),
    "m": ("米", "metres", "{n} metre of {item}", "{n} metres of {item}"),
    "m2": ("平方米", "square metres", "{n} m² of {item}", "{n} m² of {item}"),
    "mu": ("亩", "mu", "{item} on {n} mu", "{item} on {n} mu"),
    "piece": ("件", "pieces", "{n} {item}", "{n} {items}"),
    "pair": ("双", "pairs", "{n} pair of {item}", "{n} pairs of {item}"),
    "box": ("箱", "boxes", "{n} box of {item}", "{n} boxes of {item}"),
    "tin": ("罐", "tins", "{n} tin of {item}", "{n} tins of {item}"),
    "bag": ("袋", "bags", "{n} bag of {item}", "{n} bags of {item}"),
    "bottle": ("瓶", "bottles", "{n} bottle of {item}", "{n} bottles of {item}"),
    "set": ("套", "sets", "{n} set of {item}", "{n} sets of {item}"),
    "fen": ("元", "yuan", "¥{n} for {item}", "¥{n} for {item}"),
    "hour": ("小时", "hours", "{n} hour of {item}", "{n} hours of {item}"),
    "day": ("天", "days", "{n} day of {item}", "{n} days of {item}"),
    "visit": ("次", "times", "{n} {item}", "{n} {items}"),
    "person": ("人", "people", "{item} for {n} person", "{item} for {n} people"),
}
"""Units of the catalogue: the Chinese measure word, the English name, and the English form for one and for many."""
COUNTED_EN = ("{n} {item}", "{n} {items}")
"""Jobs and tests are counted; only a training is for people."""
_AFTER_NOUN = re.compile(r" (?:of|for|with|by|to|in|at|on) | \(")
_PLURALS = {"calf": "calves", "scarf": "scarves", "orthosis": "orthoses", "chassis": "chassis", "fry": "fry"}
_PROPER = ("Mandarin", "Chinese", "Sichuan")
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


def word_quantity(item: ItemWords, quantity: int | None, unit: str, language: str, role: Role = "plain") -> str:
    """Word a quantity of an item: `2 床棉被`, `需要 2 床棉被` when asked for, `提供 2 床棉被` when given.

    Money is counted in fen and worded in yuan. A unit without words is shown as it is. Without a quantity, nobody has said how much yet.
    """
    if quantity is None:
        return _without_quantity(item, language, role)
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


def _without_quantity(item: ItemWords, language: str, role: Role) -> str:
    if language == "zh-CN":
        noun, asked = item.noun_zh or item.zh, ({"training": "希望参加"} | _ASKED_ZH).get(item.kind, "需要").strip()
        return f"{asked}{noun}，数量待核实" if role == "asked" else f"{noun}（数量待核实）"
    noun = lower_first(item.noun_en or item.en)
    verb = f"{_ASKED_EN.get(item.kind, 'needs')} " if role == "asked" else ""
    return f"{verb}{noun} (quantity to be settled)"


def _in_chinese(item: ItemWords, number: str, unit: str, role: Role) -> str:
    noun = item.noun_zh or item.zh
    if unit == "fen":
        plain = f"{noun} {number} 元"
    elif item.kind == "training" and unit == "person":
        return _training_in_chinese(noun, number, role)
    else:
        measure = measure_of(item, unit)
        between = " " if noun[:1].isascii() else ""
        plain = f"{number} {measure}{between}{noun}" if measure else f"{number} {unit} {noun}"
    before = {"plain": {}, "asked": _ASKED_ZH, "given": _GIVEN_ZH}[role]
    return before.get(item.kind, before.get("goods", "")) + plain


def _training_in_chinese(noun: str, number: str, role: Role) -> str:
    return {"plain": f"{number} 人参加{noun}", "asked": f"有 {number} 人希望参加{noun}", "given": f"为 {number} 人提供{noun}"}[role]


def _in_english(item: ItemWords, number: str, unit: str, role: Role, *, is_one: bool) -> str:
    noun = lower_first(item.noun_en or item.en)
    one, many = (
        COUNTED_EN if unit == "person" and item.kind != "training" else UNITS.get(unit, ("", "", *["{n} " + unit + " {item}"] * 2))[2:]
    )
    plain = (one if is_one else many).format(n=number, item=noun, items=pluralise(noun))
    verb = {"plain": "", "asked": _ASKED_EN.get(item.kind, "needs"), "given": _GIVEN_EN.get(item.kind, "give")}[role]
    return f"{verb} {plain}".strip()


def lower_first(label: str) -> str:
    """Return an English label as it stands inside a sentence: `Winter coat` as `winter coat`, `PAPR shield` as it is."""
    return label if label[:2].isupper() or label.startswith(_PROPER) else label[:1].lower() + label[1:]


def pluralise(noun: str) -> str:
    """Return the plural of an English noun: that of its first part in `pack of toilet paper`, `visit by a vet`, `respirator (N95)`."""
    found = _AFTER_NOUN.search(noun)
    head, rest = (noun[: found.start()], noun[found.start() :]) if found else (noun, "")
    before, _, last = head.rpartition(" ")
    return f"{before} {_plural_of(last)}".strip() + rest


def _plural_of(word: str) -> str:
    if word in _PLURALS:
        return _PLURALS[word]
    if re.search(r"(?:s|x|z|ch|sh)\Z", word):
        return f"{word}es"
    return f"{word[:-1]}ies" if re.search(r"[^aeiou]y\Z", word) else f"{word}s"
