"""What a delivered message says of its past, and what of it is kept when it is parked."""

from typing import Any

import amqp

_NOT_PARKED = {"expiration", "user_id"}
"""Properties that would make the broker drop what is parked, or refuse it from us."""


def headers_of(message: amqp.Message) -> dict[str, Any]:
    return message.headers or {}


def failures_of(message: amqp.Message) -> int:
    """How often a handler failed on it."""
    counts = [death.get("count") for death in _deaths(message) if death.get("reason") == "rejected"]
    return sum(count for count in counts if isinstance(count, int))


def died_of_deliveries(message: amqp.Message) -> bool:
    """Whether the broker gave it up because connections broke over it too often."""
    return any(death.get("reason") == "delivery_limit" for death in _deaths(message))


def parked(message: amqp.Message, why: str) -> amqp.Message:
    """The message for `.dead`: as it came, without headers that would send a copy elsewhere, and with the reason."""
    headers = {name: value for name, value in headers_of(message).items() if name not in {"CC", "BCC"}} | {"x-parked-because": why}
    properties = {name: value for name, value in message.properties.items() if name not in _NOT_PARKED}
    return amqp.Message(message.body, **{"message_id": "parked"} | properties | {"application_headers": headers, "delivery_mode": 2})


def _deaths(message: amqp.Message) -> list[dict[str, Any]]:
    deaths = headers_of(message).get("x-death")
    return [death for death in deaths if isinstance(death, dict)] if isinstance(deaths, list) else []
