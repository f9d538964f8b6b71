"""Names, phones and national ids as people type and paste them: each row of docs/text.md about numbers."""

import re
from pathlib import Path

import pytest
from marshmallow import ValidationError

from chassis import text
from chassis.http.fields import Text
from chassis.problems import FIELD_WORDS
from chassis.testing.fixtures import Client
from users.fields import NationalId, Phone

from .conftest import donor, person_of, phone

PAGE = (Path(__file__).resolve().parents[3] / "docs/text.md").read_text("utf-8")
ROWS = re.findall(r"^\| (phone|id) \| `(.*?)` \| (.*?) \| (.*?) \|$", PAGE, re.MULTILINE)
FIELDS: dict[str, Text] = {"phone": Phone(), "id": NationalId()}


def outcome(field: str, written: str) -> str:
    """Return the result of a number, as the page says it."""
    typed = re.sub(r"\{([0-9A-F]{4,6})\}", lambda found: chr(int(found[1], 16)), written)
    try:
        return f"becomes `{FIELDS[field].deserialize(typed)}`"
    except ValidationError as error:
        return f"`{error.messages[0]}`"


def test_page_shows_numbers_of_both_kinds() -> None:
    assert len(ROWS) > 15
    assert {field for field, *_ in ROWS} == set(FIELDS)


@pytest.mark.parametrize(("field", "written", "case", "result"), ROWS, ids=[f"{field} {case}" for field, _, case, _ in ROWS])
def test_number_ends_as_the_page_says(field: str, written: str, case: str, result: str) -> None:
    assert outcome(field, written) == result


@pytest.mark.xfail(strict=True, raises=AssertionError, reason="without this step of cleaning pasted numbers are refused")
@pytest.mark.parametrize("step", ["_FULL_WIDTH", "_DASH", "_PASTED"])
def test_numbers_without_a_step_of_cleaning(monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    monkeypatch.setattr(text, step, {} if step == "_FULL_WIDTH" else text.regex.compile("(?!)"))
    assert [outcome(field, written) for field, written, *_ in ROWS] == [result for *_, result in ROWS]


@pytest.mark.parametrize("language", ["zh-CN", "en"])
def test_refused_phone_is_told_what_was_dropped(client: Client, language: str) -> None:
    answer = client.post("/v1/accounts", donor(phone="138-0000-12"), headers={"Accept-Language": language})
    assert answer.json["errors"] == [{"pointer": "#/phone", "code": "text_form", "message": FIELD_WORDS["phone_form"][language]}]


def test_pasted_phone_signs_in(client: Client) -> None:
    number = phone()
    person_of(client, phone=f"\u202a+86 {number[:3]}-{number[3:]}\u202c")
    body = {"phone": "".join(chr(0xFEE0 + ord(digit)) for digit in number), "password": donor()["password"]}
    assert client.post("/v1/sessions", body).status_code == 201


def test_name_is_shown_in_its_one_form(client: Client) -> None:
    person = person_of(client, name="阿依古丽•买买提　艾合买提")
    assert client.get("/v1/me", by=person).json["name"] == "阿依古丽·买买提 艾合买提"


def test_password_stays_as_it_is_typed(client: Client) -> None:
    number, password = phone(), "  tian\u200bdao\u3000酬勤 "
    person_of(client, phone=number, password=password)
    answers = [client.post("/v1/sessions", {"phone": number, "password": typed}) for typed in (password, password.strip())]
    assert [answer.status_code for answer in answers] == [201, 401]
