"""Fixtures: a database of insight that is rolled back after each test, a client of its API, and events of other services."""

from collections.abc import Iterable
from datetime import date, datetime, time
from typing import Any
from urllib.parse import urlencode
from uuid import UUID, uuid5

import pytest
from msgspec.structs import replace
from sqlalchemy import text

from chassis.data.database import Database, new_id
from chassis.messaging import inbox
from chassis.messaging.events import handlers_of
from chassis.messaging.inbox import Received
from chassis.testing.fixtures import Client, Person, RolledBack, administrator_of, api_fixtures
from contracts.event import Event
from contracts.generate import example_of
from contracts.items import shipped_items
from contracts.matching import MatchAccepted, MatchReceived, MatchSent
from contracts.needs import NeedPublished
from contracts.users import UserRegistered
from insight import counting
from insight.api import api
from insight.days import SHANGHAI
from insight.model import MEASURES
from insight.values import fen_of
from insight.worker import Worker

VILLAGE, OTHER_VILLAGE, TOWN, COUNTY, CITY = "510903001001", "510903002001", "510903001", "510903", "5109"
HANDLERS = {handler.subscription.event: handler for handler in handlers_of(Worker)}
MARCH = {"since": "2026-03-01", "until": "2026-03-31"}
RICE_FEN, COAT_FEN, GLOVES_FEN, WHEELCHAIR_FEN = (
    fen_of(shipped_items()[category]) for category in ("food.rice", "clothing.coat", "medical.gloves", "medical.wheelchair")
)
NAMES = UUID("0192f0c1-7a00-7000-8000-0000000000aa")

engine, database, client = api_fixtures("insight", api)


def someone(name: str) -> UUID:
    """Return the same id for the same name."""
    return uuid5(NAMES, name)


def at(day: str, hour: int = 12) -> datetime:
    return datetime.combine(date.fromisoformat(day), time(hour), SHANGHAI)


def event(kind: type[Event], /, **changes: Any) -> Any:
    """Make an event. Names stand for ids, and days for their noon."""
    stated = {
        name: someone(value) if name.endswith("_id") and isinstance(value, str) else at(value) if name.endswith("_at") else value
        for name, value in changes.items()
    }
    return replace(example_of(kind), **stated)


def handle(database: Database, *events: Event) -> None:
    """Handle each event with an id of its own, as the worker does, without counting."""
    for one in events:
        handler = HANDLERS[type(one)]
        inbox.handle(database, handler.name, [Received(new_id(), one)], handler.list_handler(getattr(Worker(), handler.method)))


def count(database: Database) -> None:
    """Count all that is stale, as the timer does."""
    with database.begin() as session:
        while counting.count_stale(session):
            pass


def counted(database: Database) -> dict[tuple[str, date], dict[str, int]]:
    """Read all counts other than 0, by region and day."""
    with database.begin() as session:
        rows = session.execute(text("SELECT * FROM totals")).mappings().all()
    cells = {(row["region"], row["day"]): {name: int(row[name]) for name in MEASURES if row[name]} for row in rows}
    return {cell: measures for cell, measures in cells.items() if measures}


def giver(name: str, day: str, kind: str = "donor", region: str = CITY) -> UserRegistered:
    return event(UserRegistered, user_id=name, kind=kind, region=region, registered_at=day)


def need(name: str, day: str, region: str = VILLAGE, **changes: Any) -> NeedPublished:
    stated = {"need_id": name, "poster_id": f"poster of {name}", "published_at": day, "posted_at": day, "region": region, "version": 2}
    return event(NeedPublished, **stated | {"category": "food.rice", "quantity": 10, "urgency": "normal"} | changes)


def accepted(name: str, of: NeedPublished, by: str, day: str, quantity: int | None = None, version: int = 2) -> MatchAccepted:
    match = event(MatchAccepted, match_id=name, pledger_id=by, accepted_at=day, version=version)
    return replace(match, need_id=of.need_id, region=of.region, quantity=quantity or of.quantity)


def delivery(name: str, of: NeedPublished, sent: int, received: int | None) -> list[Event]:
    """Make the events of a donor's match: accepted, sent, and received unless that is None."""
    match = accepted(name, of, "donor", "2026-03-05", sent)
    stated = {one: getattr(match, one) for one in ("match_id", "need_id", "pledger_id", "region", "quantity")}
    events: list[Event] = [match, event(MatchSent, **stated, sent=sent, version=3)]
    return events if received is None else [*events, event(MatchReceived, **stated, sent=sent, received=received, version=4)]


def publish(database: Database, events: Iterable[Event]) -> None:
    """Handle the events and count."""
    handle(database, *events)
    count(database)


@pytest.fixture
def village(database: RolledBack) -> Person:
    return administrator_of(database, VILLAGE)


@pytest.fixture
def city(database: RolledBack) -> Person:
    return administrator_of(database, CITY)


@pytest.fixture
def counts(database: RolledBack) -> None:
    """Ten small needs in one village, all matched, and a large critical one in another, not matched."""
    small = [need(f"small {number}", "2026-03-02", category="medical.gloves", quantity=1) for number in range(10)]
    large = need("large", "2026-03-03", OTHER_VILLAGE, category="medical.wheelchair", quantity=1, urgency="critical")
    met = [accepted(f"match {number}", one, "donor", f"2026-03-{2 + number:02}") for number, one in enumerate(small)]
    publish(database, [giver("donor", "2026-02-01"), giver("idle", "2026-03-01"), *small, large, *met])


def path(what: str = "/v1/rates", **query: str) -> str:
    return f"{what}?{urlencode(MARCH | query)}"


def ask(client: Client, who: Person | None = None, **query: str) -> Any:
    answer = client.get(path(**query), by=who)
    assert answer.status_code == 200, answer.json
    return answer.json


def refused(client: Client, who: Person | None = None, **query: str) -> tuple[int, str]:
    answer = client.get(path(**query), by=who)
    return answer.status_code, answer.json["code"]
