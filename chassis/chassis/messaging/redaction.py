"""Redacted views of dead letters: names of known fields, types, ids and codes, but no text that a person wrote."""

import json
from datetime import datetime
from functools import cache
from typing import Any, Literal, get_args, get_origin, get_type_hints
from uuid import UUID

from contracts import regions
from contracts.event import Event, every_event

MAX_NUMBER = 10**6
"""A larger number could be a phone."""


def redact(name: str, body: bytes) -> dict[str, str]:
    """Return for each field of the event: its value if it is an id, a code, a time or a small number; else its kind."""
    if not body:
        return {}
    try:
        read = json.loads(body)
    except (ValueError, RecursionError):
        return {"": f"no JSON, {len(body)} bytes"}
    if not isinstance(read, dict):
        return {"": _kind(read)}
    event = every_event().get(name)
    if event is None:
        return {"": f"an event that is told no more, {len(body)} bytes"}
    shown = {field: _shown(read[field], _codes(event).get(field, ())) for field in event.__struct_fields__ if field in read}
    strangers = len(read.keys() - shown.keys())
    missing = {field: "missing" for field in event.__struct_fields__ if field not in read}
    return shown | missing | ({"": f"{strangers} fields that the event does not have"} if strangers else {})


def _shown(value: Any, codes: tuple[Any, ...]) -> str:
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, int) and abs(value) < MAX_NUMBER:
        return str(value)
    if isinstance(value, str) and (value in codes or _is_plain(value)):
        return value
    return _kind(value)


def _kind(value: Any) -> str:
    if value is None:
        return "null"
    kinds: dict[Any, str] = {str: "text of {} characters", list: "list of {}", dict: "object of {} fields"}
    return kinds[type(value)].format(len(value)) if type(value) in kinds else "number"


def _is_plain(text: str) -> bool:
    """Tell whether the text is an id, a time with a zone, or the code of a region."""
    if regions.known(text):
        return True
    try:
        return str(UUID(text)) == text
    except ValueError:
        pass
    try:
        return datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False


@cache
def _codes(event: type[Event]) -> dict[str, tuple[Any, ...]]:
    return {field: get_args(hint) for field, hint in get_type_hints(event).items() if get_origin(hint) is Literal}
