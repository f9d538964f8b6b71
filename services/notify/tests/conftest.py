"""Fixtures of notify's tests: a database that is rolled back, an API client, and the events that notify listens to."""

from pathlib import Path
from typing import Any

from msgspec.structs import replace
from sqlalchemy import select

import contracts
from chassis.data.database import new_id
from chassis.messaging import outbox
from chassis.testing.fixtures import RolledBack, api_fixtures
from contracts.event import Event, decode, name_of, producer_of
from contracts.matching import MatchAnswerJudged, MatchProposed
from contracts.needs import NeedAnswerJudged
from contracts.notices import by_event
from notify import actions
from notify.api import api
from notify.model import Notice

HEARD = sorted(by_event(), key=name_of)
JUDGED = (MatchAnswerJudged, NeedAnswerJudged)
"""Events whose notices go to whoever answered by SMS alone."""
MATCHES = [event for event in HEARD if name_of(event).startswith("match_") and event not in JUDGED]
OF_NEEDS = [
    event
    for event in HEARD
    if name_of(event).startswith("need_") and any(one.side == "household" and "household" in one.to for one in by_event()[event])
]


engine, database, client = api_fixtures("notify", api)


def example(event: type[Event], **changes: Any) -> Any:
    """The committed example of an event, decoded as from the wire."""
    path = Path(contracts.__file__).parent.parent / "examples" / producer_of(event) / f"{name_of(event)}.json"
    return replace(decode(event, path.read_bytes()), **changes)


def with_account(event: type[Event], **changes: Any) -> Any:
    """The example of an event about a household that has an account of its own, where the event can say so."""
    return example(event, **({"account_id": new_id()} if "account_id" in event.__struct_fields__ else {}), **changes)


def proposal(**changes: Any) -> MatchProposed:
    """A proposal of a new match."""
    return example(MatchProposed, **({"match_id": new_id()} | changes))


def write_notices(database: RolledBack, *events: Event) -> None:
    with database.begin() as session:
        actions.write_notices(session, events)


def notices(database: RolledBack) -> list[Notice]:
    with database.begin() as session:
        return list(session.scalars(select(Notice).order_by(Notice.id)))


def published(database: RolledBack) -> list[Any]:
    """The events that wait in the outbox."""
    with database.begin() as session:
        return outbox.pending(session)
