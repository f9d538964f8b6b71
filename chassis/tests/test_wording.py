"""Quantities in words, and the words of items that every service records."""

from datetime import UTC, datetime
from itertools import permutations

import pytest
from msgspec.structs import replace
from sqlalchemy import text

from chassis.data import items
from chassis.data.items import find_item, find_words, record
from chassis.testing.fixtures import RolledBack, database_fixtures
from chassis.testing.twins import altered_sql, unguarded
from chassis.wording import ItemWords, Role, unknown_item, word_quantity
from contracts.generate import example_of
from contracts.needs import CatalogueChanged

engine, database = database_fixtures("needs")

QUILT = ItemWords("clothing.quilt", "piece", "goods", "棉被", "Quilt", "床")
JOB = ItemWords("employment.job", "person", "job", "就业岗位", "Job", "个")
EGGS = ItemWords("industry.eggs", "kg", "purchase", "帮销鸡蛋", "Sale of eggs", "", "鸡蛋", "eggs")
MONEY = ItemWords("money.treatment", "fen", "money", "医疗费资助", "Treatment costs")
LESSON = ItemWords("farming.training", "person", "training", "农技培训", "Farming training")
SHIELD = ItemWords("medical.papr", "piece", "goods", "正压头罩", "PAPR shield", "个")
NEWER_WINS = " WHERE item_words.version < excluded.version"


@pytest.mark.parametrize(
    ("item", "quantity", "role", "zh", "en"),
    [
        (QUILT, 2, "plain", "2 床棉被", "2 quilts"),
        (QUILT, 2, "asked", "需要 2 床棉被", "needs 2 quilts"),
        (QUILT, 1200, "given", "提供 1,200 床棉被", "give 1,200 quilts"),
        (JOB, 1, "asked", "希望获得 1 个就业岗位", "hopes for 1 job"),
        (JOB, 10, "given", "提供 10 个就业岗位", "offer 10 jobs"),
        (EGGS, 120, "plain", "120 公斤鸡蛋", "120 kg of eggs"),
        (EGGS, 120, "asked", "希望售出 120 公斤鸡蛋", "hopes to sell 120 kg of eggs"),
        (EGGS, 120, "given", "收购 120 公斤鸡蛋", "buy 120 kg of eggs"),
        (MONEY, 2_000_000, "plain", "医疗费资助 20,000 元", "¥20,000 for treatment costs"),
        (MONEY, 12_350, "asked", "需要医疗费资助 123.50 元", "needs ¥123.50 for treatment costs"),
        (LESSON, 2, "plain", "2 人参加农技培训", "farming training for 2 people"),
        (LESSON, 1, "asked", "有 1 人希望参加农技培训", "hopes for farming training for 1 person"),
        (LESSON, 2, "given", "为 2 人提供农技培训", "offer farming training for 2 people"),
        (SHIELD, 1, "plain", "1 个正压头罩", "1 PAPR shield"),
        (QUILT, None, "plain", "棉被（数量待核实）", "quilt (quantity to be settled)"),
        (QUILT, None, "asked", "需要棉被，数量待核实", "needs quilt (quantity to be settled)"),
        (EGGS, None, "asked", "希望售出鸡蛋，数量待核实", "hopes to sell eggs (quantity to be settled)"),
        (LESSON, None, "asked", "希望参加农技培训，数量待核实", "hopes for farming training (quantity to be settled)"),
    ],
)
def test_quantities_read_as_people_say_them(item: ItemWords, quantity: int | None, role: Role, zh: str, en: str) -> None:
    assert [word_quantity(item, quantity, item.unit or "", language, role) for language in ("zh-CN", "en")] == [zh, en]


def test_unknown_items_and_units_are_shown_by_their_codes() -> None:
    item = unknown_item("food.caviar")
    assert [word_quantity(item, 2, "caskful", language) for language in ("zh-CN", "en")] == ["2 caskful food.caviar"] * 2


def changed(**changes: object) -> CatalogueChanged:
    event = example_of(CatalogueChanged)
    assert isinstance(event, CatalogueChanged)
    return replace(event, changed_at=datetime.now(UTC), **changes)


@pytest.mark.parametrize("is_guarded", [True, unguarded(False, "without the version, a label that comes late replaces a newer one")])
def test_newest_words_of_an_item_count(database: RolledBack, monkeypatch: pytest.MonkeyPatch, is_guarded: bool) -> None:
    if not is_guarded:
        monkeypatch.setattr(items, "_RECORD", altered_sql(items._RECORD, NEWER_WINS, ""))
    for number, order in enumerate(permutations((1, 2, 3))):
        category = f"food.number{number}"
        for version in order:
            with database.begin() as session:
                record(session, [changed(category=category, version=version, zh=f"第 {version} 名")])
        with database.begin() as session:
            assert find_item(session, category).zh == "第 3 名"


def test_words_of_known_and_unknown_items_are_found(database: RolledBack) -> None:
    with database.begin() as session:
        record(session, [changed(category="food.rice", zh="新米")])
        found = find_words(session, {"food.rice", "clothing.quilt", "food.caviar"})
        expected = {"food.rice": "新米", "clothing.quilt": "棉被", "food.caviar": "food.caviar"}
        assert {category: item.zh for category, item in found.items()} == expected, "an item that was not heard of has its shipped words"
        assert word_quantity(found["clothing.quilt"], 2, "piece", "zh-CN") == "2 床棉被"
        assert session.scalar(text("SELECT count(*) FROM item_words")) == 1
