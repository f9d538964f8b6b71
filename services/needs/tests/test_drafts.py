"""Drafts: for their author alone, posted once, gone in time."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from chassis.data.database import Database
from chassis.http.app import create_app
from chassis.testing.fixtures import Client, KnownKeys, Person, RolledBack, administrator_of
from chassis.testing.simultaneous import meet_at_lock
from chassis.testing.twins import altered, unguarded
from contracts.users import PersonErased
from needs.api import api
from needs.drafts import actions, queries
from needs.drafts.rules import MOST_DRAFTS
from needs.erasure import actions as erasure

from .conftest import VILLAGE, household_in, rice


def made(client: Client, by: Person, **stated: Any) -> str:
    answer = client.post("/v1/drafts", stated, by=by)
    assert answer.status_code == 201, answer.json
    return str(answer.headers["Location"])


def test_draft_grows_and_is_posted_once(client: Client, village: Person, household: UUID) -> None:
    draft = made(client, village, category="food.rice", reason="老人住院")
    assert client.get(draft, by=village).json["need"] == {"category": "food.rice", "reason": "老人住院"}
    refused = client.post(f"{draft}/posting", by=village)
    assert (refused.status_code, [one["pointer"] for one in refused.json["errors"]]) == (422, ["#/quantity"])
    changed = client.patch(draft, rice(household_id=str(household), consent="slip"), by=village)
    assert (changed.status_code, changed.json["version"]) == (200, 2)
    assert client.patch(draft, {"urgency": None}, by=village).json["need"].keys() == rice(household_id="", consent="").keys() - {"urgency"}
    posted = client.post(f"{draft}/posting", by=village)
    assert (posted.status_code, posted.json["state"], posted.json["urgency"]) == (201, "posted", "normal")
    assert posted.headers["Location"] == f"/v1/needs/{posted.json['id']}"
    assert isinstance(posted.json["warnings"], list)
    shown = client.get(draft, by=village).json
    assert (shown["need_id"], shown["need"], shown["allowed"]) == (posted.json["id"], {}, ["delete_draft"])
    for again in (client.post(f"{draft}/posting", by=village), client.patch(draft, {"quantity": 3}, by=village)):
        assert (again.status_code, again.json["code"]) == (409, "state_conflict")
    assert len(client.get("/v1/needs/mine", by=village).json["items"]) == 1


def test_unknown_quantity_is_kept_in_a_draft(client: Client, village: Person, household: UUID) -> None:
    draft = made(client, village, **rice(household_id=str(household), consent="slip", quantity=None))
    assert client.post(f"{draft}/posting", by=village).json["quantity_unknown"] is True


def test_draft_is_its_author_s_alone(client: Client, database: RolledBack, village: Person, household: UUID) -> None:
    draft = made(client, village, **rice(household_id=str(household)))
    for other in (administrator_of(database, VILLAGE), administrator_of(database, ""), Person("household")):
        assert client.get(draft, by=other).status_code == 404
        assert client.patch(draft, {"quantity": 3}, by=other).status_code == 404
        assert client.post(f"{draft}/posting", by=other).status_code == 404
        assert client.flask.delete(draft, headers=client._headers(other)).status_code == 404
        assert client.get("/v1/drafts", by=other).json["items"] == []
    assert client.get(draft, by=Person("donor")).status_code == 403
    assert client.flask.delete(draft, headers=client._headers(village)).status_code == 204
    assert client.get("/v1/drafts", by=village).json["items"] == []


def test_draft_is_validated_and_encrypted(client: Client, database: RolledBack, village: Person) -> None:
    for wrong in ({"quantity": 1.5}, {"category": "Food"}, {"unknown": 1}, {"reason": ""}):
        assert client.post("/v1/drafts", wrong, by=village).status_code == 422
    made(client, village, reason="家中断粮")
    with database.begin() as session:
        assert "断粮".encode() not in bytes(session.scalar(text("SELECT content FROM drafts")))  # type: ignore[arg-type]


def test_author_keeps_a_bounded_number_of_drafts(client: Client, village: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("needs.drafts.rules.MOST_DRAFTS", 3)
    for _ in range(3):
        made(client, village)
    refused = client.post("/v1/drafts", {}, by=village)
    assert (refused.status_code, refused.json["code"]) == (422, "too_many_drafts")
    assert MOST_DRAFTS > 3


def test_drafts_go_in_time_and_with_their_people(client: Client, database: RolledBack, village: Person) -> None:
    account = Person("household")
    home, other = household_in(database, VILLAGE, account), household_in(database, VILLAGE)
    made(client, account, reason="自己写的")
    made(client, village, household_id=str(home))
    kept = made(client, village, household_id=str(other))
    erased = PersonErased(version=2, person_id=account.id, account_id=account.id, household_id=home, erased_at=datetime.now(UTC))
    with database.begin() as session:
        erasure.erase_people(session, [erased])
        assert session.scalars(text("SELECT id FROM drafts")).all() == [UUID(kept[-36:])]
        actions.delete_old_drafts(session)
        assert session.scalar(text("SELECT count(*) FROM drafts")) == 1
        session.execute(text("UPDATE drafts SET expires_at = now() - interval '1 second'"))
        actions.delete_old_drafts(session)
        assert session.scalar(text("SELECT count(*) FROM drafts")) == 0


@pytest.fixture
def real(database_of: Callable[[str, str], str]) -> Iterator[Database]:
    database = Database(database_of("needs", "needs_drafts"), name="drafts")
    yield database
    database.close()


LOCK = "with_for_update=lock, "


@pytest.mark.parametrize("lock", [LOCK, unguarded("", "without the lock, one draft becomes two needs")])
def test_draft_that_is_posted_twice_at_once_is_one_need(
    real: Database, keys: KnownKeys, monkeypatch: pytest.MonkeyPatch, lock: str
) -> None:
    monkeypatch.setattr(queries, "get_own_draft", altered(queries.get_own_draft, LOCK, lock))
    account = Person("household")
    household_in(real, VILLAGE, account)  # type: ignore[arg-type]
    clients = [Client(create_app("needs", api, database=real, keys=keys).test_client(), keys) for _ in range(2)]
    draft = made(clients[0], account, **rice())
    posting = [lambda client=client: client.post(f"{draft}/posting", by=account) for client in clients]
    answers = meet_at_lock(real, text("SELECT FROM drafts WHERE id = :id FOR UPDATE"), posting, id=draft[-36:])
    assert sorted(answer.status_code for answer in answers) == [201, 409]
    assert len(clients[0].get("/v1/needs/mine", by=account).json["items"]) == 1
