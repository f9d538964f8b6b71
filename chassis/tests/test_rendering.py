"""Answers are rendered as marshmallow and Flask would render them, which the compiled way must not change."""

import json
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import marshmallow
import pytest
from flask import Flask
from marshmallow import fields

from chassis.http.fields import AllowedOperations, Choice, PlainList, Schema, Text
from chassis.http.rendering import Json


class Colour(Enum):
    RED = 1


class Word(str):
    """Text of another class than `str`."""


class Number(int):
    """A whole number of another class than `int`."""


class PartOut(Schema):
    id = fields.UUID(required=True)
    word = fields.String()


class ThingOut(Schema):
    id = fields.UUID(required=True)
    word = fields.String()
    text = Text(10)
    choice = Choice({"a": ("甲", "A")})
    number = fields.Integer()
    written = fields.Integer(as_string=True)
    share = fields.Float()
    exact = fields.Decimal(as_string=True)
    flag = fields.Boolean()
    at = fields.AwareDateTime()
    local = fields.DateTime(format="%H:%M")
    day = fields.Date()
    colour = fields.Enum(Colour)
    part = fields.Nested(PartOut)
    parts = fields.List(fields.Nested(PartOut))
    many = fields.Nested(PartOut, many=True)
    ids = fields.List(fields.UUID())
    figures = fields.Dict()
    plain = PlainList(fields.Integer())
    allowed = AllowedOperations()
    renamed = fields.String(data_key="other-name")
    elsewhere = fields.String(attribute="place")
    deep = fields.String(attribute="part.word")
    constant = fields.Constant(7)
    made = fields.Function(lambda shown: "made")
    default = fields.String(dump_default="none given")


def values() -> dict[str, Any]:
    part = {"id": uuid4(), "word": "棉被"}
    return {
        "id": uuid4(), "word": "棉被 \u2028 \x1f \"\\ 😀", "text": "米", "choice": "a", "number": 2**53, "written": 9, "share": 3,
        "flag": True, "exact": Decimal("1.50"), "at": datetime(2026, 11, 30, 8, 0, 0, 120, tzinfo=timezone(timedelta(hours=8))),
        "local": datetime(2026, 11, 30, 8, 5), "day": date(2026, 11, 30), "colour": Colour.RED, "part": part, "parts": [part, part],
        "many": [part], "ids": [uuid4(), None], "figures": {"a": [1, None]}, "plain": [1, 2], "allowed": ["close"], "renamed": "乙",
        "default": "given", "place": "丙",
    }  # fmt: skip


def other_types() -> dict[str, Any]:
    other = {"word": Word("棉被"), "number": Number(5), "flag": 1, "text": b"bytes", "parts": [SimpleNamespace(**values()["part"])]}
    return values() | other


THINGS: dict[str, Any] = {
    "values": values(),
    "a row": SimpleNamespace(**values()),
    "other types": other_types(),
    "nothing": {"id": None},
    "nulls": dict.fromkeys(values()) | {"part": {"id": None, "word": None}},
    "a row without attributes": SimpleNamespace(part=None),
}


@pytest.fixture(scope="module")
def app() -> Flask:
    return Flask("test")


@pytest.fixture(scope="module")
def provider(app: Flask) -> Json:
    return Json(app)


def as_before(schema: marshmallow.Schema, shown: Any) -> Any:
    """Render as marshmallow does by itself, and write as Flask does."""
    return json.loads(Flask("test").json.dumps(marshmallow.Schema._serialize(schema, shown)))


@pytest.mark.parametrize("thing", THINGS)
def test_answers_are_those_of_marshmallow(provider: Json, thing: str) -> None:
    schema = ThingOut()
    assert json.loads(provider.dumps(schema.dump(THINGS[thing]))) == as_before(schema, THINGS[thing])


def test_many_answers_are_those_of_marshmallow(provider: Json) -> None:
    things = [values(), values()]
    assert json.loads(provider.dumps(ThingOut().dump(things, many=True))) == [as_before(ThingOut(), one) for one in things]


def test_fields_stand_in_their_order(provider: Json) -> None:
    assert list(json.loads(provider.dumps(PartOut().dump({"word": "a", "id": uuid4()})))) == ["id", "word"]
    assert PartOut.names() == ("id", "word")


def test_chosen_fields_alone_are_rendered(provider: Json) -> None:
    assert PartOut(only=["word"]).dump({"word": "a", "id": uuid4()}) == {"word": "a"}


def test_hooks_of_a_schema_are_called() -> None:
    class HookedOut(PartOut):
        @marshmallow.post_dump
        def add(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
            return data | {"added": True}

    assert HookedOut().dump({"word": "a"}) == {"word": "a", "added": True}


@pytest.mark.parametrize("written", [values() | {"colour": 1, "exact": "1.5"}, [Word("棉被"), Number(3), Decimal("1.5"), uuid4()], "é\x00"])
def test_json_is_what_flask_writes(provider: Json, written: Any) -> None:
    flask = Flask("test").json
    written = json.loads(flask.dumps(written)) if isinstance(written, dict) else written
    assert json.loads(provider.dumps(written)) == json.loads(flask.dumps(written))


def test_a_response_is_compact_utf_8_with_a_line_break(app: Flask, provider: Json) -> None:
    with app.app_context():
        response = provider.response({"word": "棉被", "list": [1, 2]})
    assert response.data == '{"word":"棉被","list":[1,2]}\n'.encode()
    assert response.mimetype == "application/json"


def test_what_no_json_can_hold_is_refused(provider: Json) -> None:
    with pytest.raises(TypeError):
        provider.dumps({"what": object()})


def test_moments_are_written_with_their_zone(provider: Json) -> None:
    at = datetime(2026, 11, 30, 8, tzinfo=UTC)
    assert ThingOut(only=["at"]).dump({"at": at}) == {"at": "2026-11-30T08:00:00+00:00"}
