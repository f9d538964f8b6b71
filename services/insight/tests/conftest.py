"""A database of insight that forgets after each test, its API, and the events it hears."""

from typing import Any
from uuid import UUID

from msgspec.structs import replace
from sqlalchemy import select

from chassis import inbox
from chassis.database import new_id
from chassis.events import handlers_of
from chassis.inbox import Heard
from chassis.testing.fixtures import RolledBack, api_fixtures
from contracts.event import Event
from contracts.generate import example_of
from contracts.needs import NeedPublished
from insight.api import api
from insight.model import Need
from insight.worker import Worker

engine, database, client = api_fixtures("insight", api)


def told_of(kind: type[Event] = NeedPublished, **changes: Any) -> Any:
    """An event as needs might tell it, of a need of its own."""
    return replace(example_of(kind), **{"need_id": new_id()} | changes)


def hear(database: RolledBack, event: Event, event_id: UUID | None = None) -> None:
    """As the worker does: through the inbox, to the method that handles it."""
    [handler] = [one for one in handlers_of(Worker) if one.place.event is type(event)]
    inbox.handle(database, handler.name, [Heard(event_id or new_id(), event)], handler.act(getattr(Worker(), handler.method)))


def needs(database: RolledBack) -> dict[UUID, tuple[int, bool]]:
    """The version of each need that is known, and whether it has ended."""
    with database.begin() as session:
        return {need.id: (need.version, need.ended) for need in session.scalars(select(Need))}
