"""Short texts of SMS: their length, their parameters, and what may stand in them."""

import re
from string import Formatter

import pytest

from contracts.notices import templates
from notify.channels.texts import LONGEST_PARAMETER, NEWS, asking_text_for, clean_parameter, text_for, texts

SIGNATURE = "【某某县农业农村局】"
LIKELY = {"code": "123456", "minutes": "5", "title": "有人答应帮助您的需求了"}


@pytest.mark.parametrize("name", texts())
def test_short_text_is_one_sms(name: str) -> None:
    text = texts()[name]
    filled = text.render({one: LIKELY.get(one, "提供 200 床加厚棉被") for one in text.parameters})
    assert len(SIGNATURE + filled) <= 70, filled
    assert {*Formatter().parse(text.words["en"])} != set()
    assert {part[1] for part in Formatter().parse(text.words["en"]) if part[1]} == {*text.parameters}


def test_every_notice_has_a_short_text_that_it_can_fill() -> None:
    known = {(template.kind, template.side): template for template in templates()}
    for text in texts().values():
        for notice in text.of:
            kind, _, side = notice.partition(".")
            assert (kind, side) in known, notice
            assert (asking_text_for if text.asks else text_for)(kind, side) is text
    assert text_for("need_met", "household").name == NEWS


@pytest.mark.parametrize(
    ("value", "clean"),
    [
        ("2 床棉被", "2 床棉被"),
        ("<b>棉被</b>", "b 棉被 /b"),
        ("看 https://x.cn/a", "看"),
        ("看 evil.example.com", "看"),
        ("1.5 亩", "1.5 亩"),
        ("一\n二", "一 二"),
        ("【银行】", "银行"),
        ("{0}", "0"),
        ("很长" * 30, "很长" * 9 + "很…"),
    ],
)
def test_parameter_holds_no_markup_and_no_link(value: str, clean: str) -> None:
    assert clean_parameter(value) == clean
    assert len(clean) <= LONGEST_PARAMETER
    assert not re.search(r"[<>\n【】]", clean)
