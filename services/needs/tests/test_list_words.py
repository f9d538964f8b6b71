"""What lists of needs state: quantities, names of items, and what a spreadsheet filled in. Only what is certain is read."""

from collections.abc import Mapping

import pytest

from needs.catalogue.defaults import catalogue
from needs.imports.doubts import find_doubts
from needs.imports.labels import WORDS
from needs.imports.names import ItemNames, Matched
from needs.imports.quantities import Quantity, read_quantity

ITEMS = {code: item for code, item in catalogue().items() if item.unit}
READ: Mapping[str, tuple[str, str, str, int]] = {
    "plain": ("500", "", "piece", 500), "full width": ("５００", "", "piece", 500), "with a unit": ("500箱", "", "box", 500),
    "in tens of thousands": ("1万套", "", "piece", 10_000), "with a point": ("1.5万", "", "piece", 15_000),
    "numerals": ("三百", "", "piece", 300), "short numerals": ("三百五", "", "piece", 350), "with zero": ("三百零五", "", "piece", 305),
    "short ten thousands": ("一万五", "", "piece", 15_000), "two": ("两千", "双", "pair", 2_000), "twelve": ("十二", "", "piece", 12),
    "hundreds": ("2百", "", "piece", 200), "thousands": ("1千", "", "piece", 1_000), "grouped": ("1,000", "件", "piece", 1_000),
    "pounds": ("100斤", "", "kg", 50), "tons": ("0.5吨", "", "kg", 500), "yuan": ("20000元", "", "fen", 2_000_000),
    "ten thousand yuan": ("2万元", "", "fen", 2_000_000), "yuan beside": ("20000", "元", "fen", 2_000_000),
    "people": ("3人", "", "person", 3), "with a word before": ("共计30床", "", "piece", 30), "spaces": (" 30 床 ", "", "piece", 30),
}  # fmt: skip


@pytest.mark.parametrize("case", READ)
def test_certain_quantities_are_read(case: str) -> None:
    written, beside, unit, number = READ[case]
    assert read_quantity(written, beside, unit) == Quantity(number)


HELD: Mapping[str, tuple[str, str, str, str]] = {
    "much": ("大量", "", "piece", "unknown"), "some": ("若干", "", "kg", "unknown"), "nothing": ("", "", "piece", "unknown"),
    "question mark": ("?", "", "piece", "unknown"), "dash": ("—", "", "piece", "unknown"), "range": ("5000–1万", "", "piece", "range"),
    "range of digits": ("5000-10000个", "", "piece", "range"), "range in words": ("三至五", "", "piece", "range"),
    "boxes of pieces": ("500箱", "", "piece", "package"), "boxes beside": ("500", "箱", "piece", "package"),
    "packs": ("500包", "", "piece", "package"), "two units": ("500件", "箱", "piece", "unit"), "kilograms": ("5公斤", "", "piece", "unit"),
    "three pounds": ("3斤", "", "kg", "fraction"), "half": ("12.5", "", "piece", "fraction"), "sum": ("20000", "", "fen", "money"),
    "none": ("0", "", "piece", "size"), "too many": ("99999999999", "", "piece", "size"), "negative": ("-5", "", "piece", "form"),
    "1万5": ("1万5", "", "piece", "form"), "1万2千": ("1万2千", "", "piece", "form"), "a month": ("500件/月", "", "piece", "unit"),
    "wrong groups": ("1,00", "", "piece", "unit"), "words": ("看着给", "", "piece", "form"), "numerals": ("三四五", "", "piece", "form"),
}  # fmt: skip


@pytest.mark.parametrize("case", HELD)
def test_doubtful_quantities_are_held(case: str) -> None:
    written, beside, unit, held = HELD[case]
    assert read_quantity(written, beside, unit) == Quantity(held=held)
    assert f"quantity_{held}" in WORDS


@pytest.mark.parametrize(
    ("written", "hedge"),
    [("约500", "about"), ("500左右", "about"), ("500以上", "at_least"), ("至少500件", "at_least"), ("500多", "at_least")],
)
def test_hedged_quantities_keep_their_hedge(written: str, hedge: str) -> None:
    assert read_quantity(written, "", "piece") == Quantity(500, None, hedge)
    assert hedge in WORDS


@pytest.mark.parametrize(
    ("written", "measure", "read"),
    [
        ("5盒", "盒", Quantity(5)), ("5箱", "盒", Quantity(held="package")), ("5包", "包", Quantity(5)),
        ("5袋", "包", Quantity(held="package")),
        ("5", "盒", Quantity(5)), ("5箱", "", Quantity(5)),
    ],
)  # fmt: skip
def test_packages_are_those_of_the_item(written: str, measure: str, read: Quantity) -> None:
    assert read_quantity(written, "", "box", measure) == read


@pytest.mark.parametrize("written", ["²5", "5²", "½", "①②", "Ⅳ", "５×３"])
def test_other_forms_of_digits_are_held(written: str) -> None:
    assert read_quantity(written, "", "piece").held in {"form", "unit"}


@pytest.mark.parametrize(
    ("written", "category"),
    [
        ("棉被", "clothing.quilt"), (" 大 米", "food.rice"), ("Quilt", "clothing.quilt"), ("医用口罩（外科）", "medical.mask"),
        ("铺盖", "clothing.quilt"), ("food.rice", "food.rice"),
    ],
)  # fmt: skip
def test_certain_names_are_matched(written: str, category: str) -> None:
    assert ItemNames(ITEMS, {"铺盖": "clothing.quilt", "旧名": "gone.item"}).match(written).category == category


@pytest.mark.parametrize(("written", "likeliest"), [("口罩", "medical."), ("东北大米", "food.rice"), ("N95", "medical.respirator")])
def test_likely_names_are_candidates_alone(written: str, likeliest: str) -> None:
    matched = ItemNames(ITEMS, {}).match(written)
    assert matched.category is None
    assert matched.candidates[0].startswith(likeliest)


def test_unlike_names_have_no_candidates() -> None:
    assert ItemNames(ITEMS, {"旧名": "gone.item"}).match("旧名") == Matched(None)


def codes(items: list[str], quantities: list[str], categories: list[str | None] | None = None) -> list[set[str]]:
    rows = list(range(2, len(items) + 2))
    found = find_doubts(rows, items, quantities, categories or [None] * len(items))
    return [{doubt.code for doubt in found[row]} for row in rows]


def test_names_that_a_spreadsheet_counts_up_are_doubted() -> None:
    items = ["棉被", "N95", "N96", "N97", "口罩1", "口罩3"]
    assert codes(items, ["5"] * 6) == [set(), {"item_series"}, {"item_series"}, {"item_series"}, set(), set()]


def test_quantities_that_a_spreadsheet_counts_up_are_doubted() -> None:
    assert codes(["甲", "乙", "丙", "丁"], ["7", "1", "2", "3"]) == [set(), *[{"quantity_series"}] * 3]
    assert codes(["甲", "乙", "丙"], ["1", "2", "4"]) == [set()] * 3


def test_list_of_ones_is_doubted() -> None:
    assert codes([*"甲乙丙丁戊"], ["1"] * 5) == [{"every_quantity_is_1"}] * 5
    assert codes([*"甲乙丙丁"], ["1"] * 4) == codes([*"甲乙丙丁戊"], ["1", "1", "1", "1", "2"])[:4] == [set()] * 4


def test_item_asked_for_twice_is_doubted() -> None:
    found = find_doubts([2, 3, 4], ["棉被", "被子", "米"], ["5", "6", "7"], ["clothing.quilt", "clothing.quilt", "food.rice"])
    assert [(row, doubt.code, doubt.row) for row, doubts in found.items() for doubt in doubts if doubt.code == "item_twice"] == [
        (3, "item_twice", 2)
    ]
