"""A database of notify that forgets after each test, its API, and the events it hears."""

from pathlib import Path
from typing import Any

from msgspec.structs import replace
from sqlalchemy import select

import contracts
from chassis.data.database import new_id
from chassis.messaging import outbox
from chassis.testing.fixtures import RolledBack, api_fixtures
from contracts.event import Event, decode, name_of, producer_of
from contracts.matching import MatchProposed
from notify import actions
from notify.api import api
from notify.model import Notice
from notify.sides import FACTS

HEARD = sorted(FACTS, key=name_of)
MATCHES = [event for event in HEARD if name_of(event).startswith("match_")]
OF_NEEDS = [event for event in HEARD if name_of(event).startswith("need_")]


engine, database, client = api_fixtures("notify", api)


def example(event: type[Event], **changes: Any) -> Any:
    """The contracts' committed example, as the wire brings it."""
    path = Path(contracts.__file__).parent.parent / "examples" / producer_of(event) / f"{name_of(event)}.json"
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
