"""Words of notices: every kind has them in both languages, for every code it may show."""

from collections.abc import Iterator
from typing import Any, Literal, get_args, get_origin, get_type_hints

import pytest
from msgspec.structs import replace

from chassis.problems import LANGUAGES
from contracts import notices
from contracts.event import Event
from contracts.matching import AppealDecided, PledgeReleased
from notify.api import SIDES
from notify.rules import notices_of
from notify.words import WORDS, _fallback, amount, compile_words, render, words_for

from .conftest import HEARD, new_id, proposal, with_account


def variants(kind: type[Event]) -> Iterator[Any]:
    """The example with each word of each closed list, and with both values of each flag."""
    event = with_account(kind)
    yield event
    for name, hint in get_type_hints(kind).items():
        words = get_args(hint) if get_origin(hint) is Literal else (True, False) if hint is bool else ()
        words = words or [word for part in get_args(hint) if get_origin(part) is Literal for word in (None, *get_args(part))]
        yield from (replace(event, **{name: word}) for word in words)
    if kind is PledgeReleased:
        yield from (replace(event, accepted=0, open=0, withdrawn=withdrawn) for withdrawn in (True, False))


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", HEARD)
def test_every_notice_has_words_on_each_side(kind: type[Event], language: str) -> None:
    sides = {template.side for template in notices.by_event()[kind]}
    for event in variants(kind):
        found = list(notices_of(event, {"51": {new_id()}}))
        assert {notice["side"] for notice in found} == ({event.side} if kind is AppealDecided else sides)
        for notice in found:
            words = render(notice["kind"], notice["side"], notice["facts"], language)
            assert all(words.values())
            assert "_" not in words["text"]
            assert "  " not in words["text"]
            assert not words["text"].startswith(" ")


def test_every_entry_is_used_by_some_event() -> None:
    found = [notice for kind in HEARD for event in variants(kind) for notice in notices_of(event, {"51": {new_id()}})]
    assert {(notice["kind"], notice["side"]) for notice in found} == set(WORDS)


def test_sides_and_languages_are_those_of_the_api() -> None:
    assert set(notices.SIDES) == set(SIDES) == set(_fallback())
    assert notices.LANGUAGES == LANGUAGES
    assert all(set(words) == set(LANGUAGES) for words in _fallback().values())


def test_household_reads_the_amount_that_is_proposed() -> None:
    [giver, agent] = notices_of(proposal(), {})
    assert render("match_proposed", "household", agent["facts"] | {"on_behalf": False}, "zh-CN")["text"] == (
        "有人愿意提供您需要的 50 公斤大米，正等待对方确认。"
    )
    assert render("match_proposed", "household", agent["facts"] | {"on_behalf": False}, "en")["text"] == (
        "Somebody is ready to give 50 kg of rice you asked for; we await their answer."
    )
    assert "17:30" in render("match_proposed", "giver", giver["facts"], "zh-CN")["text"]


@pytest.mark.parametrize(
    ("quantity", "unit", "category", "zh", "en"),
    [
        (50, "kg", "food.rice", "50 公斤大米", "50 kg of rice"),
        (1234550, "fen", "education.fees", "¥12,345.50 学费资助", "¥12,345.50 for school fees"),
        (1, "pair", "clothing.shoes", "1 双鞋", "1 pair of shoes"),
        (3, "piece", "medical.respirator", "3 件防护口罩（N95）", "3 × respirator (N95)"),
        (2, "piece", "medical.papr", "2 件正压头罩", "2 × PAPR shield"),
        (10, "person", "employment.job", "10 人就业岗位", "job for 10 people"),
        (2, "kg", "food.caviar", "2 公斤food.caviar", "2 kg of food.caviar"),
        (2, "sack", "food.rice", "2 sack 大米", "2 sack rice"),
    ],
)
def test_quantities_read_naturally(quantity: int, unit: str, category: str, zh: str, en: str) -> None:
    assert [amount(quantity, unit, category, language) for language in LANGUAGES] == [zh, en]


def test_notice_of_an_unknown_kind_is_shown_with_general_words() -> None:
    assert words_for("parcel_sent", "giver", {}, "en")["title"] == "Something new"
    assert words_for("match_accepted", "giver", {}, "zh-CN")["title"] == "新的通知"


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        ("{{ quantity_label }}", "need_published: household: the words name quantity_label, which is no fact of it"),
        ("{{ pledger_id }}", "the words name pledger_id, which is no fact of it"),
        ("{% if open %}", "need_published: household: Unexpected end of template"),
        ("{{ amount", "unexpected end of template"),
    ],
)
def test_words_that_cannot_be_rendered_are_refused(words: str, fault: str) -> None:
    entry = f"""
        [need_published]
        label = ["需求已公开", "need published"]
        facts = ["category", "unit", "quantity"]
        household.to = ["household"]
        household.zh-CN = ["需求已公开", "已公开"]
        household.en = ["The need is public", "{words}"]
    """
    [template] = notices.read(entry, "needs")
    with pytest.raises(ValueError, match=fault):
        compile_words(template)
