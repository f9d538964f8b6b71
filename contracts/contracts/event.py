"""The base of all events: facts that one service publishes, each about one subject at one version."""

import re
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from importlib import import_module
from importlib.resources import files
from typing import Annotated, Any, TypeVar, cast
from uuid import UUID

import msgspec
from msgspec import Meta

E = TypeVar("E", bound="Event")
Version = Annotated[
    int, Meta(ge=1, le=2**53, description="grows by one with every change of the subject; ignore an event with an older version")
]
Quantity = Annotated[int, Meta(ge=1, le=10**9, description="whole units of `unit`")]
Rest = Annotated[int, Meta(ge=0, le=10**9, description="whole units of `unit`; 0 when none is left")]
Moment = Annotated[datetime, Meta(tz=True)]
Region = Annotated[
    str,
    Meta(pattern=r"^(\d{2}|\d{4}|\d{6}|\d{9}|\d{12})?$", description="division code; regions nest by prefix; empty is the whole country"),
]
Category = Annotated[
    str,
    Meta(pattern=r"^[a-z0-9]+(\.[a-z0-9]+)*$", max_length=100, description="path in the catalogue, the wider category first: medical.mask"),
]
Unit = Annotated[str, Meta(min_length=1, max_length=20)]
Charity = Annotated[
    Annotated[str, Meta(max_length=200)] | None,
    Meta(examples=[None], description="the registered charity that receives the money, by its name; null for what is no money"),
]


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """Base of all events. The first field ending in `_id` is the id of its subject, and `version` is the subject's version.

    Only an abstract event may have subclasses. Its name begins with an underscore, and it is never published itself.
    """

    version: Version

    def __init_subclass__(cls, **options: Any) -> None:
        """Raise `TypeError` when an event that is not abstract gets a subclass."""
        super().__init_subclass__(**options)
        for base in cls.__mro__[1:]:
            if issubclass(base, Event) and base is not Event and not is_abstract(base):
                raise TypeError(
                    f"{cls.__name__} is a subclass of the event {base.__name__}, so listeners could not tell them apart:"
                    f" move the common fields to an abstract event, named _{base.__name__} or otherwise with a leading underscore"
                )

    @property
    def subject(self) -> UUID:
        """The id of the thing that the event is about."""
        subject: UUID = getattr(self, subject_field(type(self)))
        return subject


class Envelope(msgspec.Struct, frozen=True, kw_only=True):
    """The envelope of an event: CloudEvents 1.0 attributes, in AMQP headers with the prefix `ce-`."""

    id: UUID
    name: str
    producer: str
    subject: UUID
    recorded_at: Moment
    traceparent: str | None = None

    def headers(self) -> dict[str, str]:
        """The AMQP headers; `traceparent` is left out when it is not set."""
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
        """Read the envelope from AMQP headers. Raises `msgspec.ValidationError` when an attribute is missing or wrong."""
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
    """The one service that publishes this event: the contracts module that defines it bears its name."""
    return event.__module__.rpartition(".")[2]


def exchange_of(producer: str) -> str:
    """nameko's own name for a service's topic exchange, so that any nameko program can listen."""
    return f"{producer}.events"


@cache
def subject_field(event: type[Event]) -> str:
    """The field with the id of the event's subject. Raises `TypeError` when the event has none."""
    found = next((field for field in event.__struct_fields__ if field.endswith("_id")), None)
    if found is None:
        raise TypeError(f"{event.__name__} has no field that ends in `_id`: its first one says which thing the event is about")
    return found


def is_abstract(event: type[Event]) -> bool:
    """Return True for a base of other events, named with a leading underscore."""
    return event.__name__.startswith("_")


@cache
def every_event() -> dict[str, type[Event]]:
    """All events of the house by their name on the wire, as the modules of this package define them.

    Raises `TypeError` for an event without a subject.
    """
    here = sorted(path.name for path in files("contracts").iterdir())
    modules = [import_module(f"contracts.{name.removesuffix('.py')}") for name in here if name.endswith(".py")]
    defined = [(module.__name__, value) for module in modules for value in vars(module).values()]
    found = [value for module, value in defined if isinstance(value, type) and issubclass(value, Event) and value.__module__ == module]
    events = [event for event in found if event is not Event and not is_abstract(event)]
    for event in events:
        subject_field(event)
    return {name_of(event): event for event in events}


@cache
def listeners() -> dict[str, list[str]]:
    """The listening services of each event, as generated from their workers into `listeners.json`."""
    found: dict[str, list[str]] = msgspec.json.decode(files("contracts").joinpath("listeners.json").read_bytes())
    return found


@cache
def refusals() -> dict[str, str]:
    """The reasons why services refuse events that are told again, by service, as generated from their workers into `refusals.json`."""
    found: dict[str, str] = msgspec.json.decode(files("contracts").joinpath("refusals.json").read_bytes())
    return found


@cache
def _decoder(event: type[Event]) -> msgspec.json.Decoder[Event]:
    return msgspec.json.Decoder(event)


def encode(event: Event) -> bytes:
    """Encode an event as JSON."""
    return msgspec.json.encode(event)


def decode(event: type[E], body: bytes | str) -> E:
    """Decode an event from JSON; unknown fields are ignored, so that producers may add some.

    Raises `msgspec.DecodeError` for what is no JSON, and its subclass `ValidationError` for a wrong shape.
    """
    return cast("E", _decoder(event).decode(body))
