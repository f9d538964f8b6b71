"""Headers of a delivered message: earlier failures, and what is stored when it becomes a dead letter."""

import math
from datetime import datetime
from typing import Any

import amqp

MAX_DEPTH = 4
MAX_LENGTH = 500
MAX_FAILURES = 10**6


def headers_of(message: amqp.Message) -> dict[str, Any]:
    """Return the AMQP headers of a message, an empty dictionary without any."""
    return message.headers or {}


def count_failures(message: amqp.Message) -> int:
    """Count how often a handler failed on the message, from 0 to a million: foreign programs can write any number there."""
    counts = [death.get("count") for death in _deaths(message) if death.get("reason") == "rejected"]
    return max(0, min(MAX_FAILURES, sum(count for count in counts if isinstance(count, int))))


def exceeded_delivery_limit(message: amqp.Message) -> bool:
    """Tell whether the broker gave the message up because it was redelivered too often."""
    return any(death.get("reason") == "delivery_limit" for death in _deaths(message))


def headers_as_json(message: amqp.Message) -> dict[str, Any]:
    """Return headers, `content-type` and `content-encoding` as JSON that PostgreSQL can store, cut off where long or deep."""
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
