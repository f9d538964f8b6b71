"""What every event is: a fact that one service tells, about one thing, at one version of that thing."""

import re
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from importlib import import_module
from importlib.resources import files
from typing import Annotated, Any
from uuid import UUID

import msgspec
from msgspec import Meta

Version = Annotated[int, Meta(ge=1, le=2**53, description="grows by one with every change of the thing; an older one changes nothing")]
Quantity = Annotated[int, Meta(ge=1, le=10**9, description="whole units of `unit`")]
Rest = Annotated[int, Meta(ge=0, le=10**9, description="whole units of `unit`, none left being 0")]
Moment = Annotated[datetime, Meta(tz=True)]
Region = Annotated[
    str,
    Meta(pattern=r"^(\d{2}|\d{4}|\d{6}|\d{9}|\d{12})?$", description="division code; what is below nests by prefix; empty is the country"),
]
Category = Annotated[
    str, Meta(pattern=r"^[a-z0-9]+(\.[a-z0-9]+)*$", max_length=100, description="catalogue path, the wider first: medical.mask")
]
Unit = Annotated[str, Meta(min_length=1, max_length=20)]


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """Base of all events. The first field ending in `_id` names the thing that the event is about; `version` is that thing's."""

    version: Version

    @property
    def subject(self) -> UUID:
        subject: UUID = getattr(self, subject_field(type(self)))
        return subject


class Envelope(msgspec.Struct, frozen=True, kw_only=True):
    """What travels beside the body: CloudEvents 1.0 attributes, in AMQP headers with the prefix `ce-`."""

    id: UUID
    name: str
    producer: str
    subject: UUID
    recorded_at: Moment
    traceparent: str | None = None

    def headers(self) -> dict[str, str]:
        headers = {
            "ce-specversion": "1.0",
            "ce-id": str(self.id),
            "ce-type": self.name,
            "ce-source": f"/duijie/{self.producer}",
            "ce-subject": str(self.subject),
            "ce-time": self.recorded_at.isoformat(),
        }
        return headers | ({"traceparent": self.traceparent} if self.traceparent else {})

    @classmethod
    def of(cls, headers: Mapping[str, Any]) -> "Envelope":
        """Read from AMQP headers. Raises `msgspec.ValidationError` when an attribute is missing or wrong."""
        return msgspec.convert(
            {
                "id": headers.get("ce-id"),
                "name": headers.get("ce-type"),
                "producer": str(headers.get("ce-source", "")).rpartition("/")[2],
                "subject": headers.get("ce-subject"),
                "recorded_at": headers.get("ce-time"),
                "traceparent": headers.get("traceparent"),
            },
            cls,
        )


@cache
def name_of(event: type[Event]) -> str:
    """The name on the wire, which is the routing key too: `NeedPublished` is `need_published`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", event.__name__).lower()


def producer_of(event: type[Event]) -> str:
    """The one service that tells this event: the contracts module that defines it bears its name."""
    return event.__module__.rpartition(".")[2]


def exchange_of(producer: str) -> str:
    """nameko's own name for a service's topic exchange, so that any nameko program can listen."""
    return f"{producer}.events"


@cache
def subject_field(event: type[Event]) -> str:
    return next(field for field in event.__struct_fields__ if field.endswith("_id"))


@cache
def every_event() -> dict[str, type[Event]]:
    """All events of the house by their name on the wire: what the modules of this package define."""
    here = sorted(path.name for path in files("contracts").iterdir())
    modules = [import_module(f"contracts.{name.removesuffix('.py')}") for name in here if name.endswith(".py")]
    named = [(module.__name__, name, value) for module in modules for name, value in vars(module).items() if not name.startswith("_")]
    found = [value for module, _, value in named if isinstance(value, type) and issubclass(value, Event) and value.__module__ == module]
    return {name_of(event): event for event in found if event is not Event}


@cache
def listeners() -> dict[str, list[str]]:
    """Which services listen to which event, as generated from their workers into `listeners.json`."""
    found: dict[str, list[str]] = msgspec.json.decode(files("contracts").joinpath("listeners.json").read_bytes())
    return found


@cache
def _decoder(event: type[Event]) -> msgspec.json.Decoder[Event]:
    return msgspec.json.Decoder(event)


def encode(event: Event) -> bytes:
    return msgspec.json.encode(event)


def decode(event: type[Event], body: bytes | str) -> Event:
    """Unknown fields are ignored, so that tellers may add some. Raises `msgspec.DecodeError` (`ValidationError` for a wrong shape)."""
    return _decoder(event).decode(body)
