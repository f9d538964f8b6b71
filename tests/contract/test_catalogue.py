"""notify names, and insight weighs, what needs' catalogue holds; none may read another's files, so their agreement is kept here."""

from insight.values import fen_of
from needs.catalogue import catalogue
from notify.words import amount


def test_every_item_of_the_catalogue_can_be_told_in_both_languages() -> None:
    for item in catalogue().values():
        if item["unit"]:
            for language, word in (("zh-CN", item["zh"]), ("en", item["en"])):
                told = amount(2, item["unit"], item["category"], language)
                assert item["category"] not in told
                assert word.lower() in told.lower()


def test_every_item_of_the_catalogue_has_a_reference_value() -> None:
    assert [item["category"] for item in catalogue().values() if item["unit"] and fen_of(item["category"]) is None] == []
