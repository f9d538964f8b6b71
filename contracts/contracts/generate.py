"""Makes the JSON Schema of every event and one example each, which are committed."""

import json
import tomllib
from datetime import UTC, datetime
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints
from uuid import UUID, uuid5

import msgspec

from contracts.event import Event, encode, every_event, producer_of
from contracts.matching import Reason

HERE = Path(__file__).resolve().parent.parent
NAMESPACE = UUID("0192f0c1-7a00-7000-8000-000000000000")
SPOKEN: dict[str, Any] = {
    "version": 1, "category": "food.rice", "unit": "kg", "quantity": 50, "region": "510903100201", "status": "registered",
    "campaign": None, "account_id": None, "kind": "goods", "reasons": [Reason(code="same_county", value="510903")],
    "sent": 50, "received": 48, "difference": "damaged", "answers": 2, "accepted": 20, "open": 30, "withdrawn": False,
    "was_accepted": False, "resting": False, "unanswered": False, "by_county": True,
    "waiting_needs": 12, "waiting_units": 600, "open_pledges": 3, "open_units": 150, "typical_days": 4,
    "with_photo": True, "involved": [uuid5(NAMESPACE, "poster_id")], "overdue": False,
    "side": "giver", "mark": "no_show", "outcome": "upheld",
}  # fmt: skip


def example_of(event: type[Event]) -> Event:
    """One plausible event, the same at every run."""

    def value(name: str, hint: Any) -> Any:
        if get_origin(hint) is Literal:
            return SPOKEN[name] if SPOKEN.get(name) in get_args(hint) else get_args(hint)[0]
        if name in SPOKEN:
            return SPOKEN[name]
        if hint is UUID or UUID in get_args(hint):
            return uuid5(NAMESPACE, name)
        if hint is datetime or datetime in get_args(hint):
            return datetime(2026, 3, 20, 9, 30, tzinfo=UTC)
        return "match_proposed"

    return event(**{name: value(name, hint) for name, hint in get_type_hints(event).items()})


@cache
def glossary() -> dict[str, str]:
    """What fields mean that are not described where they are defined."""
    return tomllib.loads(resources.files("contracts").joinpath("glossary.toml").read_text("utf-8"))


def schemas(*events: type[Event], under: str = "#/$defs") -> dict[str, Any]:
    """The JSON Schemas of events and of what they hold, by class name, each field with its meaning; they refer to each other `under` it."""
    _, found = msgspec.json.schema_components(events, ref_template=under + "/{name}")
    for schema in found.values():
        for name, field in schema.get("properties", {}).items():
            if "description" not in field and name in glossary():
                schema["properties"][name] = {"description": glossary()[name]} | field
    return found


def files() -> dict[Path, str]:
    """What ought to stand in `schemas/` and `examples/`, by path."""
    wanted = {}
    for name, event in every_event().items():
        schema = {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "$ref": f"#/$defs/{event.__name__}",
            "$defs": schemas(event),
        }
        example = json.loads(encode(example_of(event)))
        for folder, content in (("schemas", schema), ("examples", example)):
            wanted[HERE / folder / producer_of(event) / f"{name}.json"] = json.dumps(content, ensure_ascii=False, indent=2) + "\n"
    return wanted
