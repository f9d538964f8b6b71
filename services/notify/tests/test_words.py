"""Words of notices: every kind has them in both languages, for every code it may show."""

from collections.abc import Iterator
from itertools import product
from typing import Any, Literal, get_args, get_origin, get_type_hints

import pytest
from msgspec.structs import replace

from chassis.problems import LANGUAGES
from chassis.testing.sentences import find_faults
from chassis.wording import ItemWords
from contracts import notices
from contracts.event import Event
from contracts.matching import PledgeReleased
from notify.api import SIDES
from notify.rules import notices_of
from notify.words import WORDS, _fallback, compile_words, render, words_for

from .conftest import HEARD, JUDGED, new_id, proposal, with_account

RICE = ItemWords("food.rice", "kg", "goods", "大米", "Rice")
EDGES = (
    (ItemWords("clothing.quilt", "piece", "goods", "棉被", "Quilt", "床"), 1),
    (ItemWords("employment.job", "person", "job", "就业岗位", "Job", "个"), 1),
    (ItemWords("farming.training", "person", "training", "农技培训", "Farming training"), 2),
    (ItemWords("industry.eggs", "kg", "purchase", "帮销鸡蛋", "Sale of eggs", "", "鸡蛋", "eggs"), 1_200),
    (ItemWords("money.treatment", "fen", "money", "医疗费资助", "Treatment costs"), 1_234_550),
)
"""Items of each kind, with quantities that are easily worded wrongly: one, thousands, money with cents."""
LONG_NAME = "新疆维吾尔自治区克孜勒苏柯尔克孜自治州阿克陶县塔尔塔吉克民族乡慈善联合会"


def variants(kind: type[Event]) -> Iterator[Any]:
    """The example with each word of each closed list, and with both values of each flag."""
    event = with_account(kind)
    yield event
    for name, hint in get_type_hints(kind).items():
        words = get_args(hint) if get_origin(hint) is Literal else (True, False) if hint is bool else ()
        words = words or [word for part in get_args(hint) if get_origin(part) is Literal for word in (None, *get_args(part))]
        yield from (replace(event, **{name: word}) for word in words)
    if kind in JUDGED:
        yield from judged(event)
    if kind is PledgeReleased:
        yield from (replace(event, accepted=0, open=0, withdrawn=withdrawn) for withdrawn in (True, False))


def judged(event: Any) -> Iterator[Any]:
    """The event of a judged answer by SMS, in every way that there is."""
    hints = get_type_hints(type(event))
    sides = get_args(hints["side"]) if "side" in hints else (None,)
    for side, asked, answer, problem in product(
        sides, get_args(hints["asked"]), get_args(hints["answer"]), (None, "stale", "state_conflict", "x")
    ):
        more = {"side": side} if side else {}
        yield replace(event, asked=asked, answer=answer, problem=problem, outcome="refused" if problem else "done", **more)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", HEARD)
def test_every_notice_has_words_on_each_side(kind: type[Event], language: str) -> None:
    for event in variants(kind):
        found = list(notices_of(event, {"51": {new_id()}}))
        sides = {template.side for template in notices.by_event()[kind] if template.applies_to(event)}
        assert {notice["side"] for notice in found} == sides != set()
        for notice in found:
            words = render(notice["kind"], notice["side"], notice["facts"], language)
            assert all(words.values())
            assert "_" not in words["text"]
            assert "  " not in words["text"]
            assert not words["text"].startswith(" ")


@pytest.mark.parametrize("kind", HEARD)
def test_notices_are_sentences_whatever_they_are_about(kind: type[Event]) -> None:
    for number, event in enumerate(variants(kind)):
        for notice in notices_of(event, {"51": {new_id()}}):
            for item, quantity in EDGES if number == 0 else EDGES[:1]:
                stated = dict.fromkeys(("quantity", "sent", "received", "open", "accepted"), quantity)
                stated |= {"unit": item.unit, "charity": LONG_NAME}
                facts = notice["facts"] | {name: value for name, value in stated.items() if name in notice["facts"]}
                for language in LANGUAGES:
                    words = {
                        part: said.replace(LONG_NAME, "…")
                        for part, said in render(notice["kind"], notice["side"], facts, language, item).items()
                    }
                    codes = frozenset(value for value in facts.values() if isinstance(value, str) and value.isalpha())
                    assert (find_faults(words["title"], language, codes), find_faults(words["text"], language, codes)) == ([], []), words
                    assert words["text"].endswith("。" if language == "zh-CN" else "."), words["text"]
                    assert not words["title"].endswith((".", "。")), words["title"]


def test_labels_of_notices_are_short_names() -> None:
    for zh, en in notices.kinds().values():
        assert (find_faults(zh, "zh-CN"), find_faults(en, "en")) == ([], [])
        assert (len(zh) <= 14, len(en) <= 45, en[0].islower()) == (True, True, True), (zh, en)


def test_every_entry_is_used_by_some_event() -> None:
    found = [notice for kind in HEARD for event in variants(kind) for notice in notices_of(event, {"51": {new_id()}})]
    assert {(notice["kind"], notice["side"]) for notice in found} == set(WORDS)


def test_sides_and_languages_are_those_of_the_api() -> None:
    assert set(notices.SIDES) == set(SIDES) == set(_fallback())
    assert notices.LANGUAGES == LANGUAGES
    assert all(set(words) == set(LANGUAGES) for words in _fallback().values())


def test_household_reads_the_amount_that_is_proposed() -> None:
    [giver, agent] = notices_of(proposal(), {})
    assert render("match_proposed", "household", agent["facts"] | {"on_behalf": False}, "zh-CN", RICE)["text"] == (
        "关于您的需求：有人愿意提供 50 公斤大米，正等待对方确认。"
    )
    assert render("match_proposed", "household", agent["facts"] | {"on_behalf": False}, "en", RICE)["text"] == (
        "About your need: somebody is ready to give 50 kg of rice. We are waiting for their answer."
    )
    assert "17:30" in render("match_proposed", "giver", giver["facts"], "zh-CN", RICE)["text"]


def test_sentences_fit_a_job_a_sale_and_money() -> None:
    [giver, _] = notices_of(proposal(quantity=120, charity="某县慈善会"), {})
    job = ItemWords("employment.job", "person", "job", "就业岗位", "Job", "个")
    eggs = ItemWords("industry.eggs", "kg", "purchase", "帮销鸡蛋", "Sale of eggs", "", "鸡蛋", "eggs")
    money = ItemWords("money.treatment", "fen", "money", "医疗费资助", "Treatment costs")
    said = {
        item.category: render("match_proposed", "giver", giver["facts"] | {"unit": item.unit}, "zh-CN", item)["text"]
        for item in (job, eggs, money)
    }
    assert said["employment.job"].startswith("有一户人家希望获得 120 个就业岗位，您愿意帮助吗？")
    assert said["industry.eggs"].startswith("有一户人家希望售出 120 公斤鸡蛋，您愿意帮助吗？")
    assert said["money.treatment"].startswith("有一户人家需要医疗费资助 1.20 元，您愿意帮助吗？款项由某县慈善会接收并转交。请在")


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
