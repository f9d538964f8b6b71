"""The AsyncAPI 3.0 document of all events, made from their classes and the workers."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import uuid5

from chassis.messaging.subscription import Subscription
from contracts.event import Envelope, Event, encode, every_event, exchange_of, name_of, producer_of
from contracts.generate import NAMESPACE, example_of, schemas
from deploy.services import services

SCHEMAS = "#/components/schemas"
AMQP = {"bindingVersion": "0.3.0"}
TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
ENVELOPE = {
    "title": "Envelope",
    "description": "CloudEvents 1.0 attributes beside the body, in AMQP headers with the prefix `ce-`",
    "type": "object",
    "required": ["ce-specversion", "ce-id", "ce-type", "ce-source", "ce-subject", "ce-time"],
    "properties": {
        "ce-specversion": {"description": "edition of CloudEvents", "const": "1.0"},
        "ce-id": {"description": "id of this event; the same id again is the same event again", "type": "string", "format": "uuid"},
        "ce-type": {"description": "name of the event, which is the routing key too", "type": "string"},
        "ce-source": {"description": "the publishing service: `/duijie/<service>`", "type": "string"},
        "ce-subject": {"description": "subject of the event: its first field that ends in `_id`", "type": "string", "format": "uuid"},
        "ce-time": {"description": "time of recording, RFC 3339", "type": "string", "format": "date-time"},
        "traceparent": {"description": "W3C trace that the event belongs to", "type": "string"},
    },
}


def build_document(listeners: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """Make the document; `listeners` names the services that listen to an event, by its name on the wire."""
    events = every_event()
    operations: dict[str, Any] = {}
    for name, event in events.items():
        operations[f"{producer_of(event)}_tells_{name}"] = _sending(event)
        operations |= {f"{listener}_hears_{name}": _receiving(event, listener) for listener in listeners.get(name, [])}
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Duijie 对接 events",
            "version": "1",
            "description": "The events that the services of Duijie exchange over RabbitMQ. Changes only add: docs/decisions/0006.",
            "license": {"name": "Apache-2.0"},
            "tags": [{"name": service} for service in services()],
        },
        "defaultContentType": "application/json",
        "channels": {name: _channel(event) for name, event in events.items()},
        "operations": operations,
        "components": {
            "messages": {name: _message(event) for name, event in events.items()},
            "schemas": {"Envelope": ENVELOPE} | schemas(*events.values(), under=SCHEMAS),
            "correlationIds": {"trace": {"description": "the trace of the request", "location": "$message.header#/traceparent"}},
        },
    }


def envelope_of(event: Event) -> Envelope:
    """Make a plausible envelope for an example, the same at every run."""
    name = name_of(type(event))
    return Envelope(
        id=uuid5(NAMESPACE, name),
        name=name,
        producer=producer_of(type(event)),
        subject=event.subject,
        recorded_at=datetime(2026, 3, 20, 9, 30, tzinfo=UTC),
        traceparent=TRACEPARENT,
    )


def _channel(event: type[Event]) -> dict[str, Any]:
    name, exchange = name_of(event), exchange_of(producer_of(event))
    return {
        "address": name,
        "title": event.__name__,
        "description": f"Topic exchange `{exchange}`, routing key `{name}`",
        "messages": {name: {"$ref": f"#/components/messages/{name}"}},
        "bindings": {
            "amqp": {"is": "routingKey", "exchange": {"name": exchange, "type": "topic", "durable": True, "autoDelete": False}} | AMQP
        },
    }


def _message(event: type[Event]) -> dict[str, Any]:
    name, example = name_of(event), example_of(event)
    return {
        "name": name,
        "title": event.__name__,
        "summary": (event.__doc__ or "").partition("\n")[0],
        "contentType": "application/json",
        "correlationId": {"$ref": "#/components/correlationIds/trace"},
        "headers": {"$ref": f"{SCHEMAS}/Envelope"},
        "payload": {"$ref": f"{SCHEMAS}/{event.__name__}"},
        "bindings": {"amqp": {"contentEncoding": "utf-8"} | AMQP},
        "examples": [{"name": name, "headers": envelope_of(example).headers(), "payload": json.loads(encode(example))}],
    }


def _sending(event: type[Event]) -> dict[str, Any]:
    producer = producer_of(event)
    return _operation(event, producer, "send", f"{producer} publishes {event.__name__}", {"deliveryMode": 2, "mandatory": True})


def _receiving(event: type[Event], listener: str) -> dict[str, Any]:
    operation = _operation(event, listener, "receive", f"{listener} listens to {event.__name__}", {"ack": True})
    return operation | {"x-queue": Subscription(listener, event).queue}


def _operation(event: type[Event], service: str, action: str, summary: str, amqp: dict[str, Any]) -> dict[str, Any]:
    name = name_of(event)
    return {
        "action": action,
        "channel": {"$ref": f"#/channels/{name}"},
        "summary": summary,
        "tags": [{"name": service}],
        "bindings": {"amqp": amqp | AMQP},
        "messages": [{"$ref": f"#/channels/{name}/messages/{name}"}],
    }
