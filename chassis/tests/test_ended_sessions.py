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
from chassis.testing.fixtures import Client, KnownKeys, RolledBack, api_fixtures
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
        monkeypatch.setattr(ended_sessions, "is_ended", lambda session, session_id: False)
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
        assert ended_sessions.is_ended(session, session_id)
        assert session.scalar(text("SELECT count(*) FROM ended_sessions")) == 1


def test_ended_session_is_forgotten_after_its_last_token(database: RolledBack) -> None:
    over, alive = new_id(), new_id()
    record(database, ended(over, minutes_ago=61), ended(alive, minutes_ago=59))
    with database.begin() as session:
        ended_sessions.delete_expired(session)
        assert [ended_sessions.is_ended(session, one) for one in (over, alive)] == [False, True]


def test_look_reads_the_index_once_in_the_same_request(
    client: Client, database: RolledBack, keys: KnownKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []
    look = ended_sessions.is_ended

    def count(session: Any, session_id: UUID) -> bool:
        asked.append(session_id)
        return look(session, session_id)

    monkeypatch.setattr(ended_sessions, "is_ended", count)
    session_id = new_id()
    assert ask(client, keys.token(new_id(), "staff", sid=str(session_id))) == 201
    assert asked == [session_id]


def test_every_worker_records_the_end_of_a_session(house: House) -> None:
    worker, relay, event = house.worker().ready(), house.relay().ready(), ended(new_id())
    house.publish(event, event)
    assert soon(lambda: house.count("ended_sessions") == 1)
    assert soon(lambda: house.all_settled(SessionEnded))
    assert [one.stop() for one in (worker, relay)] == [0, 0]
    assert house.count("ended_sessions") == 1
