"""Agreement of notify's names and insight's values with the catalogue of needs, whose files they may not read."""

from insight.values import fen_of
from needs.catalogue import catalogue
from notify.words import amount


def test_every_catalogue_item_has_a_name_in_both_languages() -> None:
    for item in catalogue().values():
        if item["unit"]:
            for language, word in (("zh-CN", item["zh"]), ("en", item["en"])):
                text = amount(2, item["unit"], item["category"], language)
                assert item["category"] not in text
                assert word.lower() in text.lower()


def test_every_catalogue_item_has_a_reference_value() -> None:
    assert [item["category"] for item in catalogue().values() if item["unit"] and fen_of(item["category"]) is None] == []
