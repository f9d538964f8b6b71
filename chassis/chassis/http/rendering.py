"""Answers as JSON: the fields of each schema are compiled once, and msgspec writes the bytes.

An answer is the one that marshmallow and Flask would give, at a fraction of their time. `Schema` of `chassis.http.fields` renders by it.
"""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
from flask import Response, current_app
from flask.json.provider import DefaultJSONProvider
from marshmallow import Schema, fields, missing

Convert = Callable[[Any], Any]


class _Compiled(NamedTuple):
    """A field of an answer: a value that is None or of the type `plain` stays as it is, `convert` renders any other."""

    key: str
    attribute: str
    plain: type | None
    convert: Convert
    read: Convert
    """Renders the field from the whole object, as marshmallow does; for what the attribute does not hold."""


def compile_schema(schema: Schema) -> Callable[[Any], dict[str, Any]]:
    """Return a function that renders one object, a dict or a row, by the fields of `schema`. Ids are left to the writer of JSON."""
    compiled = [_compile(schema, name, field) for name, field in schema.dump_fields.items()]

    def render(shown: Any) -> dict[str, Any]:
        find = shown.get if type(shown) is dict else partial(getattr, shown)
        answer = {}
        for key, attribute, plain, convert, read in compiled:
            value = find(attribute, missing)
            if value is None or type(value) is plain:
                answer[key] = value
            elif value is not missing:
                answer[key] = convert(value)
            elif (value := read(shown)) is not missing:
                answer[key] = value
        return answer

    return render


def _compile(schema: Schema, name: str, field: fields.Field[Any]) -> _Compiled:
    plain, convert = _converter(field)
    reads_attribute = field._CHECK_ATTRIBUTE and field.attribute is None
    return _Compiled(
        name if field.data_key is None else field.data_key,
        # Nothing has an attribute without a name, so that marshmallow reads what is made in another way.
        name if reads_attribute else "",
        plain,
        convert,
        lambda shown: field.serialize(name, shown, accessor=schema.get_attribute),
    )


def _converter(field: fields.Field[Any]) -> tuple[type | None, Convert]:
    """Return the type whose values the field leaves as they are, and the function that renders other values."""
    render = type(field)._serialize
    if isinstance(field, fields.List) and render is fields.List._serialize:
        return None, _converter_of_lists(field.inner)
    if isinstance(field, fields.AwareDateTime) and render is fields.AwareDateTime._serialize and field.format in {None, "iso"}:
        return None, datetime.isoformat
    left: tuple[tuple[type[fields.Field[Any]], type], ...] = ((fields.String, str), (fields.UUID, UUID), (fields.Boolean, bool))
    if isinstance(field, fields.Integer) and not field.as_string:
        left = ((fields.Integer, int),)
    plain = next((plain for kind, plain in left if isinstance(field, kind) and render is kind._serialize), None)
    return plain, lambda value: render(field, value, None, None)


def _converter_of_lists(inner: fields.Field[Any]) -> Convert:
    plain, convert = _converter(inner)
    return lambda values: [one if one is None or type(one) is plain else convert(one) for one in values]


def render_exact(body: bytes) -> Response:
    """Answer with JSON that is what the route's schema would make of it. For lists that many ask for, whose rows come as JSON."""
    return current_app.response_class(body + b"\n", mimetype="application/json")


class Json(DefaultJSONProvider):
    """Compact JSON in UTF-8, in which every script stands as it is."""

    def dumps(self, obj: Any, **options: Any) -> str:
        """Write JSON as text."""
        return self._write(obj).decode()

    def response(self, *args: Any, **kwargs: Any) -> Response:
        """Answer with JSON and a line break."""
        body = self._write(self._prepare_response_obj(args, kwargs)) + b"\n"
        return current_app.response_class(body, mimetype=self.mimetype)

    def _write(self, obj: Any) -> bytes:
        return msgspec.json.encode(obj, enc_hook=self._plain)

    def _plain(self, value: Any) -> Any:
        """Return the plain value of one that msgspec does not know."""
        if isinstance(value, str | int):
            return str(value) if isinstance(value, str) else int(value)
        return self.default(value)
