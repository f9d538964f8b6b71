"""Schemas and fields of requests and answers: strict where marshmallow's own are lenient, with a stable code for each error.

Derive every answer from `Schema` and every request from `Strict`. APIFlask accepts no other base in its types, so that
`@api.input(NeedIn)` and `@api.output(NeedOut)` pass mypy's strict mode.
"""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import cache, cached_property
from typing import Any
from uuid import UUID

import apiflask
from marshmallow import RAISE, ValidationError, fields, validate

from chassis.data.regions import resolve_here
from chassis.http.rendering import compile_schema
from chassis.problems import FieldCode
from chassis.text import UnfitText, clean_code, read_name, read_text
from contracts.regions.resolution import Resolution

NEVER: dict[str, str | list[Any] | dict[Any, Any]] = {"required": "required", "null": "null", "validator_failed": "wrong"}
LEVELS = {2: ("省级", "province"), 4: ("市级", "city"), 6: ("县级", "county"), 9: ("乡级", "town"), 12: ("村级", "village")}
"""The Chinese and the English word for the level of a division code, by its length."""
_DIGITS = re.compile(r"-?[0-9]{1,16}\Z", re.ASCII)


class Schema(apiflask.Schema):
    """Base of every answer's schema. APIFlask and marshmallow both accept it: `class NeedOut(Schema): id = fields.UUID(required=True)`."""

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """Return the names of the fields. To make an instance for them, for each row of a list, takes longer than the row."""
        return _names_of(cls)

    def _serialize(self, obj: Any, *, many: bool = False) -> Any:
        return [self._render(one) for one in obj] if many and obj is not None else self._render(obj)

    @cached_property
    def _render(self) -> Callable[[Any], dict[str, Any]]:
        return compile_schema(self)


@cache
def _names_of(schema: type[Schema]) -> tuple[str, ...]:
    return tuple(schema().fields)


class Strict(Schema):
    """Base of every request's schema: it refuses fields that it does not name."""

    error_messages = {"unknown": "unknown", "type": "not_an_object"}

    class Meta:
        """Unknown fields are refused."""

        unknown = RAISE


class NothingIn(Strict):
    """The body of an operation without input: `{}`."""


class _TextLength(validate.Length):
    """The length of a text; its error says how long the text must be."""

    def __call__(self, value: Any) -> Any:
        """Return the text. Raises `ValidationError`."""
        assert self.min is not None
        if len(value) < self.min:
            raise ValidationError(FieldCode("text_length", "text_short" if self.min > 1 else "text_empty", least=self.min))
        if self.max is not None and len(value) > self.max:
            raise ValidationError(FieldCode("text_length", "text_long", most=self.max))
        return value


class _WholeRange(validate.Range):
    """The range of a whole number; its error states the range."""

    def __call__(self, value: Any) -> Any:
        """Return the number. Raises `ValidationError`."""
        if not self.min <= value <= self.max:
            raise ValidationError(FieldCode("out_of_range", "whole_range", least=self.min, most=self.max))
        return value


class Text(fields.String):
    """Free text of `least` to `most` characters in NFC. `chassis.text` refuses what shows nothing; `docs/text.md` has examples."""

    default_error_messages = NEVER | {"invalid": "not_text"}
    words: Mapping[str, str] = {}
    """Messages of this field by code, as keys of `FIELD_WORDS`, where another than the code's own says more."""

    def __init__(self, most: int = 200, least: int = 1, pattern: str | None = None, **options: Any) -> None:
        checks: list[Any] = [_TextLength(least, most)]
        self._lengths, self._form = range(least, most + 1), re.compile(rf"^(?:{pattern})$", re.ASCII) if pattern else None
        if self._form:
            checks.append(validate.Regexp(self._form, error="text_form"))
        super().__init__(validate=checks, **options)

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> str:
        try:
            return self.read(super()._deserialize(value, attr, data, **kwargs))
        except UnfitText as unfit:
            raise ValidationError(FieldCode(unfit.code, self.words.get(unfit.code), **unfit.details)) from None

    def read(self, written: str) -> str:
        """Return the text in its one form. Raises `UnfitText`."""
        return read_text(written)

    def find_value(self, written: str) -> str | None:
        """Return the value of a valid text, as `deserialize` does at four times the cost; None for any other text."""
        try:
            value = self.read(written)
        except UnfitText:
            return None
        return value if len(value) in self._lengths and (self._form is None or self._form.match(value)) else None


class Name(Text):
    """The name of a person or body, in any script that people in China use; `chassis.text` refuses what misleads."""

    def read(self, written: str) -> str:
        """Return the name in its one form. Raises `UnfitText`."""
        return read_name(written)


class Code(Text):
    """A number or code, without what pasting brings along: spaces, invisible characters, those of `dropped`.

    The cleaned code has to match `pattern`; `most` limits what is sent.
    """

    words = {"text_form": "code_form", "text_length": "code_form"}

    def __init__(self, pattern: str, dropped: str = "", most: int = 100, **options: Any) -> None:
        self._pattern, self._dropped, self._most = re.compile(pattern, re.ASCII), dropped, most
        super().__init__(most, **options)

    def read(self, written: str) -> str:
        """Return the cleaned code. Raises `UnfitText`."""
        if len(written) > self._most:
            raise UnfitText("text_length")
        code = clean_code(written, self._dropped)
        if not self._pattern.fullmatch(code):
            raise UnfitText("text_form")
        return code


class Whole(fields.Integer):
    """A whole number from `least` to `most`; floats and booleans are refused. Digits as text pass with `in_address` only."""

    default_error_messages = NEVER | {"invalid": "not_whole", "too_large": "out_of_range"}

    def __init__(self, least: int, most: int, *, in_address: bool = False, **options: Any) -> None:
        self._in_address = in_address
        super().__init__(validate=_WholeRange(least, most), **options)

    def _validated(self, value: Any) -> int:
        if self._in_address and isinstance(value, str) and _DIGITS.match(value):
            return int(value)
        if type(value) is not int:
            raise self.make_error("invalid", input=value)
        return value


class Choice(fields.String):
    """One word of a closed list. `labels` are for people: {word: (Chinese, English)}."""

    default_error_messages = NEVER | {"invalid": "not_a_choice"}

    def __init__(self, labels: Mapping[str, tuple[str, str]], **options: Any) -> None:
        listed = "; ".join(f"{word}: {zh} · {en}" for word, (zh, en) in labels.items())
        spoken = {word: {"zh-CN": zh, "en": en} for word, (zh, en) in labels.items()}
        metadata = {"description": listed, "x-labels": spoken} | options.pop("metadata", {})
        super().__init__(validate=validate.OneOf(list(labels), error="not_a_choice"), metadata=metadata, **options)


class Id(fields.UUID):
    """A UUID, written with hyphens."""

    default_error_messages = NEVER | {"invalid": "not_an_id", "invalid_uuid": "not_an_id"}

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> Any:
        if not isinstance(value, str) or len(value) != 36:
            raise self.make_error("invalid_uuid")
        return super()._deserialize(value, attr, data, **kwargs)


class FreshId(Id):
    """An id that the client made for what it may send again: a UUID of version 7, ordered by time as our own are, at most 30 days old."""

    default_error_messages = Id.default_error_messages | {"stale": "not_a_fresh_id"}
    OLDEST = timedelta(days=30)
    EARLY = timedelta(hours=1)
    """A telephone's clock may be ahead."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> Any:
        identifier: UUID = super()._deserialize(value, attr, data, **kwargs)
        age = datetime.now(UTC) - datetime.fromtimestamp((identifier.int >> 80) / 1000, UTC) if _is_version_7(identifier) else None
        if age is None or not -self.EARLY <= age <= self.OLDEST:
            raise self.make_error("stale")
        return identifier


LATEST_MILLISECONDS = 4_000_000_000_000


def _is_version_7(identifier: UUID) -> bool:
    return identifier.version == 7 and identifier.int >> 80 < LATEST_MILLISECONDS


class Moment(fields.AwareDateTime):
    """A time with its zone, in ISO 8601, between 1970 and 2200."""

    default_error_messages = NEVER | dict.fromkeys(("invalid", "invalid_awareness", "format"), "not_a_moment")

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> datetime:
        if not isinstance(value, str):
            raise self.make_error("invalid", input=value, obj_type=self.OBJ_TYPE)
        moment: datetime = super()._deserialize(value, attr, data, **kwargs)
        if not 1970 <= moment.year <= 2200:
            raise self.make_error("invalid", input=value, obj_type=self.OBJ_TYPE)
        return moment


class Flag(fields.Boolean):
    """`true` or `false`; as text with `in_address` only."""

    default_error_messages = NEVER | {"invalid": "not_true_or_false"}

    def __init__(self, *, in_address: bool = False, **options: Any) -> None:
        self._words = {"true": True, "false": False} if in_address else {}
        super().__init__(**options)

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> bool:
        if isinstance(value, bool):
            return value
        if not isinstance(value, str) or value not in self._words:
            raise self.make_error("invalid", input=value)
        return self._words[value]


class Region(fields.String):
    """A division code of one of the given lengths; with length 0, "" is the whole country.

    A code of an earlier edition is read as its successor if there is exactly one, otherwise refused with the codes to choose from.
    """

    default_error_messages = NEVER | {"invalid": "unknown_region"}

    def __init__(self, lengths: tuple[int, ...] = (2, 4, 6, 9, 12), **options: Any) -> None:
        self._lengths = lengths
        described = f"division code of {' or '.join(map(str, lengths))} digits"
        example = "510903100208"[: max(lengths)] if 6 not in lengths else "510903"
        metadata = {"example": example, "description": described} | options.pop("metadata", {})
        super().__init__(metadata=metadata, **options)

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> str:
        if not isinstance(value, str):
            raise self.make_error("invalid")
        found = resolve_here(value)
        if found.state != "present":
            raise ValidationError(refuse_region(value, found))
        if len(found.code) not in self._lengths:
            raise ValidationError(self.refuse_length(found.code))
        return found.code

    def refuse_length(self, code: str) -> FieldCode:
        """Return the error of a code that counts, but has not one of the lengths that are asked for."""
        if not code:
            return FieldCode("unknown_region")
        wanted = [length for length in self._lengths if length]
        zh, en = ([LEVELS[length][place] for length in wanted] for place in (0, 1))
        levels = {"zh_levels": "、".join(zh), "en_levels": " or ".join(en), "digits": " / ".join(map(str, wanted))}
        zh_level, en_level = LEVELS[len(code)]
        return FieldCode("unknown_region", "region_level", asked=code, zh_level=zh_level, en_level=en_level, **levels)


def refuse_region(code: str, found: Resolution) -> FieldCode:
    """Return the error of a code that does not count: `unknown_region`, or `region_ended` with the codes to choose from."""
    if found.state == "unknown":
        return FieldCode("unknown_region")
    listed = [f"{one} {name}".strip() for one, name in found.successors]
    words = "region_ended" if found.ended else "region_elsewhere"
    words += "_around" if code.rstrip("0") != found.former.rstrip("0") else ""
    words += "" if listed else "_unfollowed"
    named = {"asked": code, "former": found.former, "name": found.name, "year": found.ended[:4]}
    return FieldCode("region_ended", words, zh_successors="、".join(listed), en_successors=", ".join(listed), **named)


class Several(fields.String):
    """Up to `most` values of one field in an address, separated by commas. Each is read by the field, and equal ones count once."""

    default_error_messages = NEVER | {"invalid": "not_text", "too_many": "text_long"}

    def __init__(self, inner: fields.Field[Any], most: int, **options: Any) -> None:
        self._inner, self._most = inner, most
        described = f"{options.get('metadata', {}).get('description', 'values')}, {most} at most, separated by commas"
        super().__init__(**options | {"metadata": options.get("metadata", {}) | {"description": described}})

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> Any:
        written = super()._deserialize(value, attr, data, **kwargs).split(",")
        if len(written) > self._most:
            raise ValidationError(FieldCode("out_of_range", "whole_range", least=1, most=self._most))
        return tuple(dict.fromkeys(self._inner.deserialize(one, attr, data, **kwargs) for one in written))


class AllowedOperations(fields.List[str]):
    """The operations on a thing that its caller may carry out now, by their `operationId`."""

    def __init__(self) -> None:
        description = "operations (`operationId`) that the caller may carry out on it now"
        super().__init__(fields.String(), required=True, metadata={"description": description})


class PlainList(fields.List[Any]):
    """A long list of plain JSON in an answer: it is documented like any list, and not converted item by item, which would take longer."""

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> Any:
        return value


class Category(Text):
    """A path in the catalogue of goods, widest first: `food.rice`."""

    def __init__(self, **options: Any) -> None:
        metadata = {"example": "food.rice"} | options.pop("metadata", {})
        super().__init__(100, pattern=r"[a-z0-9]+(\.[a-z0-9]+)*", metadata=metadata, **options)
