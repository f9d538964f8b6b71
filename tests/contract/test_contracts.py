"""The published language: listeners handle every example, readers ignore new fields, and events name no person."""

import json
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any
from uuid import uuid4

import msgspec
import pytest
from sqlalchemy import text

import contracts
from chassis.messaging.events import Handler, handlers_of
from chassis.testing.fixtures import RolledBack
from contracts.event import Envelope, Event, decode, encode, every_event, name_of, producer_of, subject_field
from contracts.generate import example_of
from contracts.users import PlaceChanged
from deploy.services import services

ROOT = Path(contracts.__file__).parent.parent
HANDLERS = [(name, handler) for name in services() for handler in handlers_of(import_module(f"{name}.worker").Worker)]
MARKS = {"stale", "balance_changes", "help_changes", "regions", "region_aliases", "region_spellings"}
PUBLIC = {PlaceChanged: {"name", "address"}}
"""Fields about an office, which are public."""
PERSONAL = {"name", "phone", "national_id", "address", "email", "reason_text", "note", "password", "text"}


def example(event: type[Event]) -> bytes:
    return (ROOT / "examples" / producer_of(event) / f"{name_of(event)}.json").read_bytes()


@pytest.fixture(scope="module", params=sorted(services()))
def house(request: pytest.FixtureRequest, database_of: Callable[[str, str], str]) -> Iterator[tuple[str, RolledBack]]:
    database = RolledBack(database_of(request.param, f"{request.param}_contracts"), name="contracts")
    yield request.param, database
    database.close()


def test_every_listener_handles_each_example_twice(house: tuple[str, RolledBack]) -> None:
    service, database = house
    worker = import_module(f"{service}.worker").Worker()
    for listener, handler in HANDLERS:
        if listener == service:
            with database.trial() as trial:
                hear(trial, worker, handler)
                once = counts(trial)
                hear(trial, worker, handler)
                assert counts(trial) == once, handler


def counts(database: RolledBack) -> dict[str, int]:
    """Count the rows of each table that a handler fills, without the marks of what is to be counted again."""
    with database.begin() as session:
        tables = session.scalars(text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")).all()
        filled = sorted(table for table in tables if not table.endswith("version") and table not in MARKS)
        return {table: session.scalar(text(f'SELECT count(*) FROM "{table}"')) or 0 for table in filled}


def hear(database: RolledBack, worker: Any, handler: Handler) -> None:
    with database.begin() as session:
        handler.list_handler(getattr(worker, handler.method))(
            session, [decode(handler.subscription.event, example(handler.subscription.event))]
        )


@pytest.mark.parametrize("event", every_event().values(), ids=every_event())
def test_reader_decodes_an_event_and_ignores_unknown_fields(event: type[Event]) -> None:
    example = example_of(event)
    assert decode(event, encode(example)) == example
    richer = json.loads(encode(example)) | {"added_next_year": {"deep": [1]}}
    assert decode(event, json.dumps(richer)) == example


@pytest.mark.parametrize("event", every_event().values(), ids=every_event())
def test_event_without_a_required_field_is_refused(event: type[Event]) -> None:
    whole = json.loads(example(event))
    for field in (field.name for field in msgspec.structs.fields(event) if field.required):
        with pytest.raises(msgspec.ValidationError):
            decode(event, json.dumps({name: value for name, value in whole.items() if name != field}))


@pytest.mark.parametrize("event", every_event().values(), ids=every_event())
def test_event_has_subject_and_version_and_names_nobody(event: type[Event]) -> None:
    fields = set(event.__struct_fields__)
    assert {"version", subject_field(event)} <= fields
    assert not fields & PERSONAL - PUBLIC.get(event, set())


def test_envelope_travels_as_cloudevents_headers() -> None:
    event = example_of(every_event()["need_published"])
    stated = {"id": uuid4(), "name": "need_published", "producer": "needs", "subject": event.subject}
    envelope = Envelope(**stated, recorded_at=event.published_at, traceparent=f"00-{'a' * 32}-{'b' * 16}-01")
    headers = envelope.headers()
    assert {"ce-id", "ce-source", "ce-type", "ce-specversion", "ce-time", "ce-subject", "traceparent"} == set(headers)
    assert Envelope.of(headers) == envelope


@pytest.mark.parametrize("missing", ["ce-id", "ce-type", "ce-subject", "ce-time"])
def test_envelope_without_an_attribute_is_refused(missing: str) -> None:
    headers = {
        "ce-id": str(uuid4()),
        "ce-type": "x",
        "ce-source": "/duijie/needs",
        "ce-subject": str(uuid4()),
        "ce-time": "2026-03-20T09:30:00Z",
    }
    with pytest.raises(msgspec.ValidationError):
        Envelope.of({name: value for name, value in headers.items() if name != missing})
