"""The profile of names and free text: each row of docs/text.md, and each rule taken out."""

import re
from pathlib import Path
from typing import Any

import pytest
import regex
from keeper import unguarded
from marshmallow import ValidationError
from pantry import api as pantry_api

from chassis import text
from chassis.http.fields import Code, Name, Text
from chassis.problems import FIELD_WORDS
from chassis.testing.fixtures import Client, Person, api_fixtures

engine, database, client = api_fixtures("pantry", pantry_api.api)
PAGE = (Path(__file__).resolve().parents[2] / "docs/text.md").read_text("utf-8")
ROWS = re.findall(r"^\| `(.*?)` \| (.*?) \| (.*?) \| (.*?) \|$", PAGE, re.MULTILINE)
NOTHING, ANYTHING = regex.compile(r"(?!)"), regex.compile(r"(?s).*")
EMOJI = [*("👁️‍🗨️", "🏴‍☠️", "🏳️‍⚧️", "⛹🏿‍♀️", "👨🏻‍❤️‍💋‍👨🏿", "🐻‍❄️", "👩🏽‍🦰"), *("☑️", "©️", "㊗️", "#️⃣", "🧑🏻‍🤝‍🧑🏿", "🇨🇳", "🏴󠁧󠁢󠁥󠁮󠁧󠁿")]
UNSEEN = regex.compile(r"[\p{C}\p{Z}\p{Default_Ignorable_Code_Point}\u2800--[\x20\u3000]]", regex.V1)


def plain(written: str) -> str:
    """Return the text that a cell of the page stands for."""
    return re.sub(r"\{([0-9A-F]{4,6})\}", lambda found: chr(int(found[1], 16)), written)


def outcome(field: Text, written: str) -> str:
    """Return the result of a text in a field, as the page says it."""
    try:
        read = field.deserialize(written)
    except ValidationError as error:
        return f"`{error.messages[0]}`"
    return "passes" if read == written else f"becomes `{read}`"


def differences() -> list[str]:
    """Return the texts of the page that end otherwise than it says."""
    fields = (Name(100), Text(500))
    return [written for written, _, *said in ROWS if [outcome(field, plain(written)) for field in fields] != said]


def test_page_shows_at_least_sixty_texts() -> None:
    assert len({written for written, *_ in ROWS}) == len(ROWS) >= 60


@pytest.mark.parametrize(("written", "case", "as_name", "as_text"), ROWS, ids=[f"{case} {written}" for written, case, *_ in ROWS])
def test_text_ends_as_the_page_says(written: str, case: str, as_name: str, as_text: str) -> None:
    assert (outcome(Name(100), plain(written)), outcome(Text(500), plain(written))) == (as_name, as_text)


@pytest.mark.xfail(strict=True, raises=AssertionError, reason="without this rule a text of the page ends otherwise")
@pytest.mark.parametrize(
    "rule",
    [
        *("_CONTROL", "_UNKNOWN", "_INVISIBLE", "_OVERRIDE", "_DIRECTION", "_FROM_THE_RIGHT", "_IN_PLACE", "_LONE_MARK", "_STACK"),
        *("_SPACES", "_NOT_IN_NAMES", "_LETTER", "_STYLED", "_LIKE_HAN", "_DIGITS_OF_OTHERS", "_ZHUANG", "_NAME_FORMS"),
    ],
)
def test_page_without_a_rule(monkeypatch: pytest.MonkeyPatch, rule: str) -> None:
    monkeypatch.setattr(text, rule, NOTHING if isinstance(getattr(text, rule), regex.Pattern) else {})
    assert differences() == []


@pytest.mark.xfail(strict=True, raises=AssertionError, reason="without this restriction a misleading name passes")
@pytest.mark.parametrize("rule", ["_ONE_SYSTEM", "_LETTER"])
def test_page_with_a_rule_that_permits_all(monkeypatch: pytest.MonkeyPatch, rule: str) -> None:
    monkeypatch.setattr(text, rule, ANYTHING)
    assert differences() == []


def test_quick_look_passes_only_what_the_profile_keeps(monkeypatch: pytest.MonkeyPatch) -> None:
    quick = [character for character in map(chr, range(0x110000)) if text._PLAIN.fullmatch(character) and character.strip()]
    monkeypatch.setattr(text, "_PLAIN", NOTHING)
    assert len(quick) > 20_000
    assert text.read_text("".join(quick)) == "".join(quick)


@pytest.mark.parametrize("emoji", EMOJI)
def test_emoji_of_keyboards_pass(emoji: str) -> None:
    assert text.read_text(f"谢谢{emoji}") == f"谢谢{emoji}"


@pytest.mark.parametrize("plane", ["4e00-9fff", "3400-4dbf", "20000-2a6df", "2a700-2b73f", "2b740-2b81f", "2b820-2cead", "2ceb0-2ebe0"])
def test_every_ideograph_of_a_block_may_be_in_a_name(plane: str) -> None:
    first, last = (int(end, 16) for end in plane.split("-"))
    ideographs = regex.findall(r"\p{Unified_Ideograph}", "".join(map(chr, range(first, last + 1))))
    assert len(ideographs) > 200
    assert text.read_name("".join(ideographs)) == "".join(ideographs)


def test_newest_ideographs_may_be_in_a_name() -> None:
    for first, last in ((0x2EBF0, 0x2EE5D), (0x30000, 0x3134A), (0x31350, 0x323AF)):
        assert text.read_name("".join(map(chr, range(first, last + 1))))


@pytest.mark.parametrize(("language", "said"), [("zh-CN", "第 2 个字符（U+200B）看不见"), ("en", "character 2 (U+200B) shows nothing")])
@pytest.mark.parametrize("guarded", [True, unguarded(False, "without the profile what shows nothing is stored")])
def test_answer_names_place_and_number_of_a_character(
    client: Client, monkeypatch: pytest.MonkeyPatch, language: str, said: str, guarded: bool
) -> None:
    if not guarded:
        monkeypatch.setattr(Text, "read", lambda self, written: written.strip())
    body = {"region": "51", "reason": "需\u200b要"}
    answer = client.post("/v1/withdrawals", body, by=Person("donor"), headers={"Accept-Language": language})
    assert answer.status_code == 422, answer.json
    [error] = answer.json["errors"]
    assert (error["pointer"], error["code"]) == ("#/reason", "text_invisible")
    assert said in error["message"]


def test_message_of_a_code_says_what_was_dropped(client: Client) -> None:
    with pytest.raises(ValidationError) as caught:
        Code("[0-9]{4}").deserialize("12 3x")
    code: Any = caught.value.messages[0]
    assert (code, code.message("zh-CN")) == ("text_form", FIELD_WORDS["code_form"]["zh-CN"])


@pytest.mark.parametrize("guarded", [True, unguarded(False, "without cleaning a pasted number is refused")])
def test_code_loses_what_pasting_brings_along(monkeypatch: pytest.MonkeyPatch, guarded: bool) -> None:
    if not guarded:
        monkeypatch.setattr("chassis.http.fields.clean_code", lambda written, dropped: written)
    brought = "\u202aSF\u00a0１２—３４\u200b\ufeff\u202c\n"
    assert outcome(Code("[A-Z0-9-]+"), brought) == "becomes `SF12-34`"
    assert outcome(Code("[A-Z0-9]+", "-"), brought) == "becomes `SF1234`"


def test_code_that_is_too_long_is_not_cleaned() -> None:
    assert outcome(Code("1"), "1" + " " * 100) == "`text_length`"


def test_page_writes_out_what_nobody_would_see() -> None:
    assert [written for written, *_ in ROWS if UNSEEN.search(written)] == []


def test_page_explains_every_code_of_a_text() -> None:
    said = set(re.findall(r"^\| `((?:text|name)_[a-z]+)` \| [a-z]", PAGE, re.MULTILINE))
    wordings_of_length = {"text_empty", "text_short", "text_long"}
    assert said == {code for code in FIELD_WORDS if code.startswith(("text_", "name_"))} - wordings_of_length
