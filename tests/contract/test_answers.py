"""Each answer of each service is rendered as marshmallow renders it, whatever its fields hold."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib import import_module
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import marshmallow
import pytest
from flask import Flask
from marshmallow import fields

from chassis.http.fields import Schema, Strict
from chassis.http.rendering import Json
from deploy.services import services

for _name, _service in services().items():
    if _service.answers:
        import_module(f"{_name}.api")
APP = Flask("answers")
VALUES: tuple[tuple[type[fields.Field[Any]], Any], ...] = (
    (fields.UUID, uuid4()),
    (fields.Boolean, True),
    (fields.Integer, 3),
    (fields.Number, 1.5),
    (fields.AwareDateTime, datetime(2026, 11, 30, 8, 0, 0, 5, tzinfo=UTC)),
    (fields.Date, datetime(2026, 11, 30, tzinfo=UTC).date()),
    (fields.Dict, {"a": 1}),
)


def answers() -> Iterator[type[Schema]]:
    waiting = [Schema]
    while waiting:
        schema = waiting.pop()
        waiting += schema.__subclasses__()
        if (
            schema is not Schema
            and not issubclass(schema, Strict)
            and not schema.__module__.startswith(("tests", "chassis.tests", "test_"))
        ):
            yield schema


def value_of(field: fields.Field[Any]) -> Any:
    if isinstance(field, fields.Nested):
        part = {name: value_of(one) for name, one in field.schema.dump_fields.items()}
        return [part, part] if field.many else part
    if isinstance(field, fields.List):
        return [value_of(field.inner), value_of(field.inner)]
    return next((value for kind, value in VALUES if isinstance(field, kind)), "棉被")


def as_before(schema: Schema, shown: Any) -> Any:
    return json.loads(APP.json.dumps(marshmallow.Schema._serialize(schema, shown)))


ANSWERS = sorted(set(answers()), key=lambda one: (one.__module__, one.__name__))


def test_answers_of_all_services_are_found() -> None:
    assert len(ANSWERS) > 100


@pytest.mark.parametrize("answer", ANSWERS, ids=lambda one: f"{one.__module__}.{one.__name__}")
def test_an_answer_is_that_of_marshmallow(answer: type[Schema]) -> None:
    schema = answer()
    filled = {name: value_of(field) for name, field in schema.dump_fields.items()}
    for shown in (filled, SimpleNamespace(**filled), dict.fromkeys(filled), SimpleNamespace()):
        assert json.loads(Json(APP).dumps(schema.dump(shown))) == as_before(schema, shown)
    assert answer.names() == tuple(schema.fields)
