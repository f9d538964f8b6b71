"""Every item of the catalogue has words in both languages and a reference value in insight; codes and units of releases stay."""

import re

from bench.matching.items import FIRST
from chassis.problems import LANGUAGES
from chassis.wording import UNITS, word_quantity
from contracts.items import shipped_items
from needs.catalogue import catalogue
from needs.catalogue.defaults import forbidden
from needs.catalogue.labels import KINDS, SETS, SPECIFICATION
from needs.catalogue.rules import words_of
from needs.limits.labels import MEASURES


def test_codes_and_units_of_releases_never_change() -> None:
    assert {category: catalogue()[category].unit for category in FIRST} == FIRST


def test_two_hundred_everyday_items_are_worded_and_capped() -> None:
    items = [item for item in catalogue().values() if item.unit]
    assert sum(not item.set for item in items) >= 200
    for item in items:
        assert item.kind in KINDS
        assert item.set in {"", *SETS}
        assert item.unit in UNITS
        assert item.unit in MEASURES
        assert item.most
        assert item.price or item.kind == "job", f"{item.category} has no price"
        assert set(item.specification) <= SPECIFICATION.keys()
        assert (item.unit == "fen") == (item.kind == "money")
        for language in LANGUAGES:
            for role in ("plain", "asked", "given"):
                said = word_quantity(words_of(item), 2, item.unit, language, role)
                assert not re.search(r"[a-z]\.[a-z]|_|  |^ | $", said), said
            is_chinese = re.search("[\u4e00-\u9fff]", said) is not None
            assert is_chinese == (language == "zh-CN"), said


def test_names_of_items_are_distinct_in_both_languages() -> None:
    for names in ([item.zh for item in catalogue().values()], [item.en for item in catalogue().values()]):
        assert sorted(names) == sorted(set(names))


def test_forbidden_words_lead_to_items_that_exist() -> None:
    words = [word for entry in forbidden() for word in entry.words]
    assert len(words) == len(set(words))
    assert {category for entry in forbidden() for category in entry.instead} <= catalogue().keys()


def test_usual_quantities_stay_below_the_caps() -> None:
    for item in catalogue().values():
        for usual in (item.per_person, item.per_household):
            assert usual is None or item.most is None or usual <= item.most, item.category


def test_every_item_counts_with_a_reference_value_of_its_own() -> None:
    """A value that is missing would be a guess of 20 yuan in the weighted match rate; jobs have one of their own."""
    assert [item.category for item in catalogue().values() if item.unit and item.price is None and item.kind != "job"] == []


def test_words_of_the_catalogue_are_known_before_it_is_heard() -> None:
    assert shipped_items().keys() == catalogue().keys()
    assert all(shipped.zh != shipped.category for shipped in shipped_items().values())
