"""The catalogue of events for people: docs/events.md."""

from collections.abc import Iterator, Mapping, Sequence
from importlib.resources import files
from typing import Any

from chassis.messaging.subscription import Subscription
from contracts.event import Event, every_event, exchange_of, name_of, producer_of
from contracts.generate import schemas

PLAIN = {"uuid": "id (UUID)", "date-time": "time (RFC 3339)"}


def render_page(listeners: Mapping[str, Sequence[str]]) -> str:
    """Make the whole page; `listeners` names the services that listen to an event, by its name on the wire."""
    events = every_event()
    producers = list(dict.fromkeys(producer_of(event) for event in events.values()))
    lines = [files("deploy").joinpath("events-preface.md").read_text("utf-8")]
    lines += ["## The events", "| event | producer | listeners |", "|---|---|---|"]
    for name, event in events.items():
        heard = ", ".join(listeners.get(name, ())) or "—"
        lines.append(f"| [{event.__name__}](#{event.__name__.lower()}) | {producer_of(event)} | {heard} |")
    for producer in producers:
        lines += ["", f"## Events of {producer}"]
        for event in (event for event in events.values() if producer_of(event) == producer):
            lines += _section(event, listeners.get(name_of(event), ()))
    return "\n".join(lines) + "\n"


def _section(event: type[Event], listeners: Sequence[str]) -> Iterator[str]:
    name, producer = name_of(event), producer_of(event)
    found = schemas(event)
    yield from ("", f"### {event.__name__}", *_descriptions(event), "")
    yield f"- exchange `{exchange_of(producer)}`, routing key `{name}`"
    yield "- queues: " + (", ".join(f"`{Subscription(listener, event).queue}`" for listener in listeners) or "none in the house")
    yield f"- [example](../contracts/examples/{producer}/{name}.json), [JSON Schema](../contracts/schemas/{producer}/{name}.json)"
    yield from _table(found.pop(event.__name__))
    for part, schema in found.items():
        yield from ("", f"`{part}`: {schema.get('description', '')}", *_table(schema))


def _descriptions(event: type[Event]) -> Iterator[str]:
    """The descriptions of the class and of its abstract bases."""
    for one in event.__mro__[: event.__mro__.index(Event)]:
        if one.__doc__:
            yield " ".join(one.__doc__.split())


def _table(schema: dict[str, Any]) -> Iterator[str]:
    yield from ("", "| field | type | range | meaning |", "|---|---|---|---|")
    for name, field in schema["properties"].items():
        optional = "" if name in schema.get("required", ()) else "; may be missing"
        cells = (f"`{name}`", _type(field) + optional, _range(field), field.get("description", ""))
        yield "| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |"


def _type(field: dict[str, Any]) -> str:
    if "anyOf" in field:
        return " or ".join(_type(choice) for choice in field["anyOf"])
    if "enum" in field:
        return "one word of a list"
    if "$ref" in field:
        return f"`{field['$ref'].rpartition('/')[2]}`"
    if field.get("type") == "array":
        return f"list of {_type(field['items'])}"
    plain = {"string": "text"}.get(field.get("type", ""), field.get("type", "anything"))
    return str(PLAIN.get(field.get("format", ""), plain))


def _range(field: dict[str, Any]) -> str:
    if "anyOf" in field:
        return ", ".join(filter(None, map(_range, field["anyOf"])))
    parts = [" ".join(f"`{word}`" for word in field.get("enum", ()))]
    for least, most, unit in (("minimum", "maximum", ""), ("minLength", "maxLength", " characters"), ("minItems", "maxItems", " items")):
        if least in field or most in field:
            parts.append(f"{field.get(least, 0)}…{field.get(most, '')}{unit}")
    if "pattern" in field:
        parts.append(f"`{field['pattern']}`")
    return ", ".join(filter(None, parts))
