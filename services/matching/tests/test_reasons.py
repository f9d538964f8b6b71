"""Reasons of proposals and their alternatives, in both languages."""

from uuid import uuid4

import pytest
from msgspec.structs import replace

from chassis.wording import ItemWords
from matching.allocation.reasons import WORDS, build_reasons, render_reason
from matching.allocation.score import Demand
from matching.allocation.solver import Supply, allocate

RICE = ItemWords("food.rice", "kg", "goods", "大米", "Rice")
KEY = ("food.rice", "kg", "5109")
CALM = Demand(uuid4(), "food.rice", "kg", "510903001001", 1, 0, 10, village_needs=10, village_helped=3)


def decided(chosen: Demand, other: Demand) -> dict[str, str | int]:
    """Return the part of the score that decided between two needs for the same pledge."""
    [share] = allocate([other, chosen], [Supply(uuid4(), KEY, 10)])
    assert share.need == chosen.id
    return {reason.code: reason.value for reason in build_reasons(chosen, KEY, share) if reason.code.startswith("decided")}


@pytest.mark.parametrize(
    ("change", "code", "value"),
    [
        ({"urgency": 4}, "decided_by_urgency", "critical"),
        ({"waiting_days": 9}, "decided_by_waiting", 9),
        ({"village_helped": 1}, "decided_by_village", 1),
    ],
)
def test_a_proposal_says_what_would_have_changed_it(change: dict[str, int], code: str, value: str | int) -> None:
    assert decided(replace(CALM, id=uuid4(), **change), CALM)[code] == value  # type: ignore[arg-type]


def test_proposal_without_a_rival_has_no_deciding_part() -> None:
    [share] = allocate([CALM], [Supply(uuid4(), KEY, 5)])
    assert not [reason for reason in build_reasons(CALM, KEY, share) if reason.code.startswith("decided")]


@pytest.mark.parametrize("code", WORDS)
def test_every_reason_is_spoken_in_both_languages(code: str) -> None:
    chinese, english = (render_reason(code, "critical", language, RICE, "kg") for language in ("zh-CN", "en"))
    assert chinese != english
    assert "{" not in chinese + english
    if "{value}" in WORDS[code]["zh-CN"]:
        assert "特急" in chinese


def test_quantities_of_reasons_are_worded_with_their_item() -> None:
    money = ItemWords("money.treatment", "fen", "money", "医疗费资助", "Treatment costs")
    assert render_reason("covers_whole", 300_000, "zh-CN", money, "fen") == "可满足全部需求：医疗费资助 3,000 元"
    assert render_reason("covers_part", 20, "en", RICE, "kg") == "covers part of the need: 20 kg of rice"


def test_need_of_today_is_not_said_to_have_waited() -> None:
    assert render_reason("waiting_days", 0, "zh-CN", RICE, "kg") == "今日发布"
    assert render_reason("waiting_days", 3, "zh-CN", RICE, "kg") == "已等待 3 天"
