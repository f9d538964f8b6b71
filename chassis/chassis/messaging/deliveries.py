"""What a delivered message says of its past, and what of it is kept when it is parked."""

import math
from datetime import datetime
from typing import Any

import amqp

MAX_DEPTH = 4
MAX_LENGTH = 500
MAX_FAILURES = 10**6


def headers_of(message: amqp.Message) -> dict[str, Any]:
    return message.headers or {}


def count_failures(message: amqp.Message) -> int:
    """How often a handler failed on it; a stranger may have written any number there."""
    counts = [death.get("count") for death in _deaths(message) if death.get("reason") == "rejected"]
    return max(0, min(MAX_FAILURES, sum(count for count in counts if isinstance(count, int))))


def exceeded_delivery_limit(message: amqp.Message) -> bool:
    """Whether the broker gave it up because connections broke over it too often."""
    return any(death.get("reason") == "delivery_limit" for death in _deaths(message))


def headers_as_json(message: amqp.Message) -> dict[str, Any]:
    """Its headers, `content-type` and `content-encoding`, as JSON that PostgreSQL stores: cut off where they are long or deep."""
    properties = {f"content-{name}": message.properties.get(f"content_{name}") for name in ("type", "encoding")}
    found: dict[str, Any] = _plain({**headers_of(message), **properties}, MAX_DEPTH)
    return found


def _plain(value: Any, depth: int) -> Any:
    if value is None or isinstance(value, bool | int) or (isinstance(value, float) and math.isfinite(value)):
        return value
    if isinstance(value, str):
        return value[:MAX_LENGTH].replace("\0", "\ufffd").encode(errors="replace").decode()
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, dict) and depth:
        return {str(_plain(str(name), 0)): _plain(below, depth - 1) for name, below in list(value.items())[:MAX_LENGTH]}
    if isinstance(value, list) and depth:
        return [_plain(below, depth - 1) for below in value[:MAX_LENGTH]]
    return type(value).__name__


def _deaths(message: amqp.Message) -> list[dict[str, Any]]:
    deaths = headers_of(message).get("x-death")
    return [death for death in deaths if isinstance(death, dict)] if isinstance(deaths, list) else []
