"""Quantities as lists state them: 500箱, 1万套, 三百, 5000–1万, 大量. What is not one certain number is held for a person."""

import re
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import lru_cache

from chassis.text import clean_code

MOST = 10**9
"""The most units of a need."""
_NAMED = ("零〇", "一壹", "二贰两", "三叁", "四肆", "五伍", "六陆", "七柒", "八捌", "九玖")
_DIGITS = {character: value for value, characters in enumerate(_NAMED) for character in characters}
_TENS = {"十": 10, "拾": 10, "百": 100, "佰": 100, "千": 1_000, "仟": 1_000}
_GROUPS = {"百": 100, "佰": 100, "千": 1_000, "仟": 1_000, "万": 10_000, "萬": 10_000, "亿": 10**8}
_NUMBER = r"[0-9]+(?:,[0-9]{3})*(?:\.[0-9]+)?|[零〇一壹二贰两三叁四肆五伍六陆七柒八捌九玖十拾百佰千仟]+"
_AMOUNT = re.compile(rf"({_NUMBER})([百佰千仟万萬亿]?)([0-9零〇一壹二贰两三叁四肆五伍六陆七柒八捌九玖十拾百佰千仟]*)(.*)\Z")
_RANGE = re.compile(rf"({_NUMBER})([万萬亿]?)[^0-9万萬亿至到~—–-]*(?:至|到|~|—|–|-)+({_NUMBER})([万萬亿]?)(.*)\Z")
_BEFORE = re.compile(r"\A(?:大约|约|大概|近|共计|共|合计|需要|需|数量|[:：])+")
_AT_LEAST = re.compile(r"\A(?:至少|不少于|最少|起码|>=?|≥)|(?:以上|起|\+|多|余)\Z")
_ABOUT = re.compile(r"\A(?:大约|约|大概|近)|(?:左右|上下)\Z")
_UNKNOWN = re.compile(r"(?:大量|若干|不限|不等|越多越好|多多益善|适量|急需|待定|不详|许多|一批|少量|随意|有多少要多少|[?？/、—-]+)\Z")

_PIECES = [*"件个只床台张把副支条块辆部本顶株头片棵根架座枚身幅盏口扇处", "pcs", "pc", "piece", "pieces"]
_PACKAGES = [*"箱盒包袋瓶罐听桶提捆打", "box", "boxes"]
"""Words of packages: how much is in one depends on the item."""
# The units of the catalogue that each word counts in, and how many of each one is.
_WORDS: dict[str, dict[str, Decimal]] = {
    **{word: {"piece": Decimal(1)} for word in _PIECES},
    "套": {"piece": Decimal(1), "set": Decimal(1)},
    **{word: {"kg": Decimal(1), "t": Decimal("0.001")} for word in ("公斤", "千克", "kg")},
    "斤": {"kg": Decimal("0.5")}, "克": {"kg": Decimal("0.001")}, "吨": {"kg": Decimal(1_000), "t": Decimal(1)},
    **{word: {"l": Decimal(1)} for word in ("升", "l", "公升")}, "毫升": {"l": Decimal("0.001")}, "ml": {"l": Decimal("0.001")},
    **{word: {"m": Decimal(1)} for word in ("米", "m")}, **{word: {"m2": Decimal(1)} for word in ("平方米", "平米", "m2", "㎡")},
    "亩": {"mu": Decimal(1)},
    **{word: {"pair": Decimal(1)} for word in ("双", "对", "pair", "pairs")},
    "箱": {"box": Decimal(1)}, "box": {"box": Decimal(1)}, "boxes": {"box": Decimal(1)}, "袋": {"bag": Decimal(1)},
    "瓶": {"bottle": Decimal(1)}, "罐": {"tin": Decimal(1)}, "听": {"tin": Decimal(1)},
    **{word: {"fen": Decimal(100)} for word in ("元", "块钱", "圆")}, "分": {"fen": Decimal(1)},
    **{word: {"hour": Decimal(1)} for word in ("小时", "课时")}, **{word: {"day": Decimal(1)} for word in ("天", "日")},
    **{word: {"visit": Decimal(1)} for word in ("次", "趟")},
    **{word: {"person": Decimal(1)} for word in ("人", "名", "位", "人次")},
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Quantity:
    """What a list states: the number of units of the catalogue, or why a person has to say it (`held`).

    `held` is `unknown` (大量), `range`, `package` (500箱 of an item that is counted otherwise), `unit` (an unknown or another unit),
    `fraction`, `money` (a sum without 元), `size` (zero, or beyond what a need may state) or `form`. `hedge` is `about` or `at_least`.
    """

    number: int | None = None
    held: str | None = None
    hedge: str | None = None


@lru_cache(10_000)
def read_quantity(written: str, unit_written: str, unit: str, measure: str = "") -> Quantity:
    """Read a quantity for an item that the catalogue counts in `unit`, with a measure word of its own if it has one.

    A unit may stand behind the number or in a column of its own.
    """
    text = _narrow(written)
    if not text or _UNKNOWN.match(text):
        return Quantity(held="unknown")
    if _RANGE.match(_BEFORE.sub("", text)):
        return Quantity(held="range")
    hedge = "at_least" if _AT_LEAST.search(text) else "about" if _ABOUT.search(text) else None
    bare = _ABOUT.sub("", _AT_LEAST.sub("", _BEFORE.sub("", _AT_LEAST.sub("", text))))
    found = _AMOUNT.match(bare)
    number = _number(found[1], found[2], found[3]) if found else None
    if found is None or number is None:
        return Quantity(held="form")
    words = [word for word in (found[4].strip("()"), _narrow(unit_written)) if word]
    if len(set(words)) > 1:
        return Quantity(held="unit")
    return _in_unit(number, words[0] if words else "", unit, measure, hedge)


def _in_unit(number: Decimal, word: str, unit: str, measure: str, hedge: str | None) -> Quantity:
    """Convert a number of a written unit to units of the catalogue."""
    if not word and unit == "fen":
        return Quantity(held="money")
    size: Decimal | None = Decimal(1)
    if word and word != measure:
        # Where the item has a package of its own, another one holds another amount.
        size = None if measure in _PACKAGES and word in _PACKAGES else _WORDS.get(word, {}).get(unit)
    if size is None:
        return Quantity(held="package" if word in _PACKAGES else "unit")
    units = number * size
    if units != int(units):
        return Quantity(held="fraction")
    return Quantity(int(units), None, hedge) if 0 < units <= MOST else Quantity(held="size")


def _narrow(written: str) -> str:
    """Return a text without spaces, with full-width characters as ASCII, in lower case. Other forms of digits, as ², stay."""
    return clean_code(written).lower()


def _number(written: str, group: str, rest: str) -> Decimal | None:
    """Return the number of digits or of Chinese numerals, with 万 or 亿 and what follows it; None for what is no number."""
    try:
        head = Decimal(written.replace(",", "")) if written[0].isascii() else _numerals(written)
        if not group:
            return head if not rest else None
        if rest.isascii() and len(rest) not in {0, 4}:
            # 1万5 may be 15,000 or 10,005.
            return None
        tail = Decimal(0) if not rest else Decimal(rest) if rest.isascii() else _numerals(rest)
    except (InvalidOperation, KeyError, ValueError):
        return None
    if rest and not rest.isascii() and len(rest) == 1 and rest in _DIGITS:
        # 一万五 is 15,000.
        tail *= _GROUPS[group] // 10
    return head * _GROUPS[group] + tail


def _numerals(written: str) -> Decimal:
    """Return the number of Chinese numerals below 万. Raises `ValueError` for what is none."""
    total, digit, unit = 0, -1, 10_000
    for character in written:
        if character in _TENS:
            if _TENS[character] >= unit:
                raise ValueError(written)
            unit = _TENS[character]
            total, digit = total + (1 if digit < 0 else digit) * unit, -1
        elif _DIGITS[character] == 0:
            if digit > 0:
                raise ValueError(written)
            unit, digit = min(unit, 100), -1
        elif digit >= 0:
            raise ValueError(written)
        else:
            digit = _DIGITS[character]
    if digit < 0:
        return Decimal(total)
    # 三百五 is 350, 三百零五 is 305.
    is_short = unit in {100, 1_000} and not {"零", "〇"} & set(written) and total > 0
    return Decimal(total + digit * (unit // 10 if is_short else 1))
