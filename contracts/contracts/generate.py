"""The JSON Schema and an example of every event; both are committed."""

import json
import tomllib
from functools import cache
from importlib import resources
from pathlib import Path
from types import NoneType
from typing import Annotated, Any, get_args, get_origin, get_type_hints
from uuid import UUID, uuid5

import msgspec
from msgspec import inspect

from contracts.event import Event, decode, encode, every_event, producer_of

HERE = Path(__file__).resolve().parent.parent
NAMESPACE = UUID("0192f0c1-7a00-7000-8000-000000000000")
MOMENT = "2026-03-20T09:30:00Z"
PLAUSIBLE: dict[str, Any] = {
    "version": 1, "category": "food.rice", "unit": "kg", "quantity": 50, "region": "510903100208", "status": "registered",
    "former_region": "510903001001",
    "campaign": None, "account_id": None, "kind": "goods", "reasons": [{"code": "same_county", "value": "510903"}],
    "sent": 50, "received": 48, "difference": "damaged", "answers": 2, "accepted": 20, "open": 30, "withdrawn": False,
    "was_accepted": False, "need_moved": False, "resting": False, "unanswered": False, "by_county": True,
    "waiting_needs": 12, "waiting_units": 600, "open_pledges": 3, "open_units": 150, "typical_days": 4,
    "with_photo": True, "involved": [str(uuid5(NAMESPACE, "poster_id"))], "overdue": False,
    "side": "giver", "mark": "no_show", "outcome": "upheld",
}  # fmt: skip
"""Plausible values by the name of a field. One is used where it fits the field's type; other values are derived from the type."""


def example_of(event: type[Event]) -> Event:
    """Make one plausible event, the same at every run.

    A field takes the first of its `Meta(examples=[…])`, else a plausible value of its name, else the least value of its type. Raises
    `ValueError` when an example does not fit, or when none can be derived.
    """
    try:
        return msgspec.convert(_values_of(event), event)
    except ValueError as error:
        raise ValueError(f"no example of {event.__name__}: {error}") from error


def example_text(event: type[Event]) -> str:
    """The committed example as JSON. Raises `ValueError` unless listeners decode it to the same event."""
    example = example_of(event)
    body = encode(example)
    if decode(event, body) != example:
        raise ValueError(f"the example of {event.__name__} is decoded to another event: {body.decode()}")
    return _text(json.loads(body))


@cache
def glossary() -> dict[str, str]:
    """The meaning of fields that are not described where they are defined."""
    return tomllib.loads(resources.files("contracts").joinpath("glossary.toml").read_text("utf-8"))


def schemas(*events: type[Event], under: str = "#/$defs") -> dict[str, Any]:
    """The JSON Schemas of events and of their parts, by class name, each field with its meaning; they refer to each other `under` it."""
    _, found = msgspec.json.schema_components(events, ref_template=under + "/{name}")
    for schema in found.values():
        for name, field in schema.get("properties", {}).items():
            if "description" not in field and name in glossary():
                schema["properties"][name] = {"description": glossary()[name]} | field
    return found


def files() -> dict[Path, str]:
    """The contents of `schemas/` and `examples/`, by path."""
    wanted = {}
    for name, event in every_event().items():
        schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", "$ref": f"#/$defs/{event.__name__}", "$defs": schemas(event)}
        wanted[HERE / "schemas" / producer_of(event) / f"{name}.json"] = _text(schema)
        wanted[HERE / "examples" / producer_of(event) / f"{name}.json"] = example_text(event)
    return wanted


def _values_of(struct: type[msgspec.Struct]) -> dict[str, Any]:
    """Example values of all fields, as they stand in JSON."""
    return {name: _value_of(name, hint) for name, hint in get_type_hints(struct, include_extras=True).items()}


def _value_of(name: str, hint: Any) -> Any:
    kind = inspect.type_info(hint)
    if isinstance(kind, inspect.Metadata) and (examples := (kind.extra_json_schema or {}).get("examples")):
        return examples[0]
    if name in PLAUSIBLE and _fits(PLAUSIBLE[name], hint):
        return PLAUSIBLE[name]
    return _derived(name, hint)


def _fits(value: Any, hint: Any) -> bool:
    try:
        msgspec.convert(value, hint)
    except ValueError:
        return False
    return True


def _derived(name: str, hint: Any) -> Any:
    """Derive a value from a type alone. Raises `ValueError` for a type that allows no guess."""
    kind = inspect.type_info(hint)
    parts = get_args(hint)
    if get_origin(hint) is Annotated:
        parts = get_args(parts[0])
    match kind.type if isinstance(kind, inspect.Metadata) else kind:
        case inspect.LiteralType():
            value: Any = parts[0]
        case inspect.UnionType():
            value = _value_of(name, next(part for part in parts if part is not NoneType))
        case inspect.BoolType():
            value = False
        case inspect.IntType() | inspect.FloatType() as number:
            value = _least(number)
        case inspect.StrType(pattern=None) as text:
            value = name[: text.max_length].ljust(text.min_length or 0, "x")
        case inspect.UUIDType():
            value = str(uuid5(NAMESPACE, name))
        case inspect.DateTimeType():
            value = MOMENT
        case inspect.DateType():
            value = MOMENT.partition("T")[0]
        case inspect.ListType() as list_type:
            value = [_value_of(name, parts[0])] * max(1, list_type.min_length or 0)
        case inspect.StructType() as struct:
            value = _values_of(struct.cls)
        case _:
            raise ValueError(f"{name} has a type that allows no guess; give it `Meta(examples=[…])`")
    return value


def _least(kind: inspect.IntType | inspect.FloatType) -> int | float:
    """The smallest value of a range; of one without a lower end nought, or the largest where that is less."""
    step = kind.multiple_of or 1
    if kind.ge is not None:
        return -(-kind.ge // step) * step
    if kind.gt is not None:
        return (kind.gt // step + 1) * step
    ends = [end for end in (kind.le, kind.lt - step if kind.lt is not None else None) if end is not None]
    return min(0, *(end // step * step for end in ends)) if ends else 0


def _text(content: Any) -> str:
    return json.dumps(content, ensure_ascii=False, indent=2) + "\n"
