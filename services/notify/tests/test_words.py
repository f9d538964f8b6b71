"""Every notice has words, in both languages, whatever its reasons."""

from collections.abc import Iterator
from typing import Any, Literal, get_args, get_origin, get_type_hints

import pytest
from msgspec.structs import replace

from chassis.problems import LANGUAGES
from contracts.event import Event
from contracts.matching import AppealDecided, Difference, PledgeReleased
from notify.api import KINDS, SIDES
from notify.sides import FACTS, notices_of
from notify.words import _labels, _templates, amount, render, told_as

from .conftest import HEARD, example, new_id, proposal


def variants(kind: type[Event]) -> Iterator[Any]:
    """The example, with every word that each of its closed lists allows, posted on behalf and not."""
    event = example(kind, **({"account_id": new_id()} if "account_id" in kind.__struct_fields__ else {}))
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
    sides = set(FACTS[kind])
    for event in variants(kind):
        found = list(notices_of(event, {"51": {new_id()}}))
        assert {notice["side"] for notice in found} == ({event.side} if kind is AppealDecided else sides)
        for notice in found:
            words = render(notice["kind"], notice["side"], notice["facts"], language)
            assert all(words.values())
            assert "_" not in words["text"]
            assert "  " not in words["text"]
            assert not words["text"].startswith(" ")


def test_no_words_are_left_that_nobody_is_told() -> None:
    notices = [notice for kind in FACTS for event in variants(kind) for notice in notices_of(event, {"51": {new_id()}})]
    told = {(notice["kind"], notice["side"]) for notice in notices}
    wanted = told | {("anything", side) for side in SIDES}
    assert set(_templates()) == {(kind, side, language) for kind, side in wanted for language in LANGUAGES}
    assert set(KINDS) == {kind for kind, _ in told}


def test_every_reason_has_a_name() -> None:
    reasons = {word for kind in FACTS for name, hint in get_type_hints(kind).items() if name == "reason" for word in get_args(hint)}
    assert reasons == set(_labels()["reasons"])
    assert set(get_args(Difference)) == set(_labels()["differences"])


def test_the_household_reads_what_somebody_is_ready_to_give() -> None:
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


def test_a_notice_that_this_version_has_no_words_for_is_shown_all_the_same() -> None:
    assert told_as("parcel_sent", "giver", {}, "en")["title"] == "Something new"
    assert told_as("match_accepted", "giver", {}, "zh-CN")["title"] == "新的通知"
