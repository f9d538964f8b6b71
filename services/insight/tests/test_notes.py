"""Writing notes, and seeing one's own."""

from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from chassis.database import new_id
from chassis.testing.fixtures import Client, Person, RolledBack
from contracts.needs import NeedWithdrawn

from .conftest import hear, told_of


@pytest.fixture
def need(database: RolledBack) -> UUID:
    hear(database, event := told_of())
    return event.need_id


def note(need: UUID, **changes: Any) -> dict[str, Any]:
    return {"need_id": str(need), "text": "门口的路在修，请从东边进村"} | changes


def test_who_wrote_a_note_sees_it_and_nobody_else_does(client: Client, need: UUID) -> None:
    author, stranger = Person("donor"), Person("donor")
    answer = client.post("/v1/insight", note(need), by=author)
    assert answer.status_code == 201, answer.json
    place = answer.headers["Location"]
    assert client.get(place, by=author).json == answer.json
    assert [one["id"] for one in client.get("/v1/insight", by=author).json["items"]] == [answer.json["id"]]
    assert client.get(place, by=stranger).status_code == 404
    assert client.get("/v1/insight", by=stranger).json["items"] == []
    assert client.get(place).status_code == 401


def test_a_need_that_is_not_known_or_has_ended_takes_no_note(client: Client, database: RolledBack, need: UUID) -> None:
    hear(database, told_of(NeedWithdrawn, need_id=need, version=2))
    for wrong in (need, new_id()):
        answer = client.post("/v1/insight", note(wrong), by=Person("donor"))
        assert (answer.status_code, answer.json["code"]) == (422, "unknown_need")


def test_a_note_cannot_be_read_in_the_database(client: Client, database: RolledBack, need: UUID) -> None:
    client.post("/v1/insight", note(need), by=Person("donor"))
    with database.begin() as session:
        stored = session.scalar(text("SELECT text FROM notes"))
    assert "东边".encode() not in bytes(stored)


@pytest.mark.parametrize("change", [{"text": ""}, {"text": 5}, {"need_id": "none"}, {"surprise": 1}])
def test_a_note_that_makes_no_sense_is_refused(client: Client, need: UUID, change: dict[str, Any]) -> None:
    answer = client.post("/v1/insight", note(need, **change), by=Person("donor"))
    assert (answer.status_code, answer.json["code"]) == (422, "invalid")
