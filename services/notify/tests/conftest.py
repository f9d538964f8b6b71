"""A database of notify that forgets after each test, its API, and the events it hears."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from sqlalchemy import select

import contracts
from chassis import outbox
from chassis.database import new_id
from chassis.http import create_app
from chassis.testing.fixtures import Client, KnownKeys, RolledBack
from contracts.event import Event, decode, name_of, teller_of
from contracts.matching import MatchProposed
from notify import actions
from notify.api import api
from notify.model import Notice
from notify.sides import FACTS

HEARD = sorted(FACTS, key=name_of)
MATCHES = [event for event in HEARD if name_of(event).startswith("match_")]
OF_NEEDS = [event for event in HEARD if name_of(event).startswith("need_")]


@pytest.fixture(scope="session")
def engine(database_of: Callable[[str, str], str]) -> Iterator[RolledBack]:
    database = RolledBack(database_of("notify", "notify_tests"), name="tests")
    yield database
    database.close()


@pytest.fixture
def database(engine: RolledBack) -> Iterator[RolledBack]:
    with engine.trial() as trial:
        yield trial


@pytest.fixture
def client(database: RolledBack, keys: KnownKeys) -> Client:
    return Client(create_app("notify", api, database=database, keys=keys).test_client(), keys)


def example(event: type[Event], **changes: Any) -> Any:
    """The contracts' committed example, as the wire brings it."""
    path = Path(contracts.__file__).parent.parent / "examples" / teller_of(event) / f"{name_of(event)}.json"
    return replace(decode(event, path.read_bytes()), **changes)


def proposal(**changes: Any) -> MatchProposed:
    """A proposal of its own."""
    return example(MatchProposed, **({"match_id": new_id()} | changes))


def tell(database: RolledBack, *events: Event) -> None:
    with database.begin() as session:
        actions.tell(session, events)


def notices(database: RolledBack) -> list[Notice]:
    with database.begin() as session:
        return list(session.scalars(select(Notice).order_by(Notice.id)))


def told(database: RolledBack) -> list[Any]:
    with database.begin() as session:
        return outbox.told(session)
