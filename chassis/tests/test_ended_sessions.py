"""Sessions of staff that ended: their access tokens count for nothing from then on, in every service."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from keeper import House, soon, unguarded
from pantry import api as pantry_api
from sqlalchemy import text

from chassis.data import ended_sessions
from chassis.data.database import Database, new_id
from chassis.data.offices import read_offices
from chassis.http import auth
from chassis.testing.fixtures import Client, KnownKeys, RolledBack, administrator_of, api_fixtures
from contracts.users import SessionEnded

engine, database, client = api_fixtures("pantry", pantry_api.api)


def ended(session_id: UUID, minutes_ago: float = 0, version: int = 1) -> SessionEnded:
    at = datetime.now(UTC) - timedelta(minutes=minutes_ago)
    return SessionEnded(version=version, session_id=session_id, user_id=new_id(), ended_at=at)


def record(database: Database, *events: SessionEnded) -> None:
    with database.begin() as session:
        ended_sessions.record(session, events)


def ask(client: Client, token: str) -> int:
    headers = {"Authorization": f"Bearer {token}"}
    return int(client.flask.post("/v1/withdrawals", json={"region": "51"}, headers=headers).status_code)


@pytest.mark.parametrize("is_checked", [True, unguarded(False, "without the look, the token of an ended session works on")])
def test_token_of_an_ended_session_of_staff_is_refused(
    client: Client, database: RolledBack, keys: KnownKeys, monkeypatch: pytest.MonkeyPatch, is_checked: bool
) -> None:
    if not is_checked:
        monkeypatch.setattr(auth, "read_offices", lambda session, user_id, session_id: read_offices(session, user_id, None))
    first, second = new_id(), new_id()
    ending, other = (keys.token(new_id(), "staff", sid=str(one)) for one in (first, second))
    assert [ask(client, ending), ask(client, other)] == [201, 201]
    record(database, ended(first))
    assert [ask(client, ending), ask(client, other)] == [401, 201]


def test_sessions_of_others_than_staff_are_not_looked_up(client: Client, database: RolledBack, keys: KnownKeys) -> None:
    session_id = new_id()
    record(database, ended(session_id))
    assert ask(client, keys.token(new_id(), "donor", sid=str(session_id))) == 201


def test_end_that_arrives_twice_or_late_is_recorded_once(database: RolledBack) -> None:
    session_id = new_id()
    record(database, ended(session_id), ended(session_id))
    record(database, ended(session_id, minutes_ago=40))
    record(database)
    with database.begin() as session:
        assert session.scalars(text("SELECT id FROM ended_sessions")).all() == [session_id]


def test_ended_session_is_forgotten_after_its_last_token(database: RolledBack) -> None:
    over, alive = new_id(), new_id()
    record(database, ended(over, minutes_ago=61), ended(alive, minutes_ago=59))
    with database.begin() as session:
        ended_sessions.delete_expired(session)
        assert session.scalars(text("SELECT id FROM ended_sessions")).all() == [alive]


def test_offices_and_end_are_read_once_in_a_request(
    client: Client, database: RolledBack, keys: KnownKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    person, session_id, read = administrator_of(database, "5109"), new_id(), list[Any]()

    def count(session: Any, user_id: UUID, of: UUID | None) -> Any:
        read.append((user_id, of))
        return read_offices(session, user_id, of)

    monkeypatch.setattr(auth, "read_offices", count)
    monkeypatch.setattr(auth, "regions_of", lambda *_: pytest.fail("the offices were read a second time"))
    assert ask(client, keys.token(person.id, "staff", session_id, mfa=1)) == 201
    assert read == [(person.id, session_id)]
    with database.begin() as session:
        assert read_offices(session, person.id, session_id) == {"administrator": ["5109"]}


def test_every_worker_records_the_end_of_a_session(house: House) -> None:
    worker, relay, event = house.worker().ready(), house.relay().ready(), ended(new_id())
    house.publish(event, event)
    assert soon(lambda: house.count("ended_sessions") == 1)
    assert soon(lambda: house.all_settled(SessionEnded))
    assert [one.stop() for one in (worker, relay)] == [0, 0]
    assert house.count("ended_sessions") == 1
