"""The door through which notify looks up contacts: whose telephone, for whom, and that each look is recorded."""

import os
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select, text

from chassis.data.audit_log import AuditEntry
from chassis.testing.fixtures import Client, Person, RolledBack, administrator_of
from users.contacts import rules

from .conftest import VILLAGE, household, me_of, phone, sign_up

DOOR = {"Authorization": f"Bearer {os.environ['DOOR_KEYS']}"}


def look_up(client: Client, *ids: Any, headers: dict[str, str] = DOOR, purpose: str = "notice") -> Any:
    return client.post("/internal/contacts/look-ups", {"purpose": purpose, "ids": [str(one) for one in ids]}, headers=headers)


def found(client: Client, *ids: Any) -> dict[str, tuple[str | None, str | None]]:
    answer = look_up(client, *ids)
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    return {one["id"]: (one["telephone"], one["whose"]) for one in answer.json["items"]}


def registered(client: Client, village: Person, **changes: Any) -> str:
    answer = client.post("/v1/households", household(**changes), by=village)
    assert answer.status_code == 201, answer.json
    return str(answer.json["id"])


def test_contact_of_an_account_is_its_proven_phone(client: Client) -> None:
    number = phone()
    account = me_of(client, sign_up(client, phone=number))["id"]
    assert found(client, account, uuid4()) == {account: (f"+86{number}", "own")}


@pytest.mark.parametrize("kind", ["own", "shared", "neighbour"])
def test_contact_of_a_household_is_what_the_village_noted(client: Client, village: Person, kind: str) -> None:
    number = phone()
    noted = registered(client, village, phone=number, phone_kind=kind)
    without = registered(client, village, phone_kind="none")
    assert found(client, noted, without) == {noted: (f"+86{number}", kind), without: (None, None)}


def test_every_look_at_a_contact_is_recorded(client: Client, database: RolledBack, village: Person) -> None:
    noted = registered(client, village, phone=phone(), phone_kind="own")
    look_up(client, noted, uuid4())
    with database.begin() as session:
        looks = session.scalars(select(AuditEntry).where(AuditEntry.act == "look_up_contact")).all()
    assert [(one.person_id, one.details) for one in looks] == [(UUID(noted), {"purpose": "notice"})]


def test_closed_account_and_ended_household_have_no_contact(client: Client, database: RolledBack, village: Person) -> None:
    account = me_of(client, sign_up(client))["id"]
    noted = registered(client, village, phone=phone(), phone_kind="own")
    with database.begin() as session:
        session.execute(text("UPDATE accounts SET state = 'closed' WHERE id = :id"), {"id": account})
        session.execute(text("UPDATE households SET ended_at = now(), ended_because = 'died' WHERE id = :id"), {"id": noted})
    assert found(client, account, noted) == {}


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer nothing that anybody knows"}])
def test_door_of_contacts_opens_to_its_key_alone(client: Client, headers: dict[str, str]) -> None:
    assert look_up(client, uuid4(), headers=headers).status_code == 401


def test_wrong_look_up_is_refused(client: Client) -> None:
    assert look_up(client, purpose="curiosity").status_code == 422
    assert look_up(client, "nobody").status_code == 422
    assert look_up(client, *(uuid4() for _ in range(rules.MOST + 1))).status_code == 422


def test_telephone_that_gets_no_sms_is_no_contact() -> None:
    assert [rules.mobile(one) for one in ("+8613800000000", "+868252661234", "0825-2661234", None)] == ["+8613800000000", None, None, None]
    assert [rules.whose(one) for one in ("own", "shared", "neighbour", "landline", None)] == [
        "own",
        "shared",
        "neighbour",
        "shared",
        "shared",
    ]


def names(client: Client, by: Person | None, *ids: Any, purpose: str = "work_list") -> Any:
    return client.post("/internal/contacts/names", {"purpose": purpose, "ids": [str(one) for one in ids]}, by=by)


def test_own_administrator_reads_the_names_of_the_village(client: Client, database: RolledBack, village: Person, town: Person) -> None:
    number = phone()
    noted = registered(client, village, phone=number, phone_kind="neighbour", address="三组 12 号")
    answer = names(client, village, noted, uuid4())
    assert answer.headers["Cache-Control"] == "no-store"
    known = {"id": noted, "name": "欧阳守田", "address": "三组 12 号", "telephone": number, "whose": "neighbour"}
    assert answer.json == {"items": [known], "place": None}
    for other in (town, administrator_of(database, "510903001002"), administrator_of(database, "")):
        assert names(client, other, noted).json["items"] == [], "they see it masked"
    with database.begin() as session:
        looks = session.scalars(select(AuditEntry).where(AuditEntry.act == "look_up_names")).all()
    assert [(one.actor_id, one.person_id, one.region, one.details) for one in looks] == [
        (village.id, UUID(noted), VILLAGE, {"purpose": "work_list"})
    ]


def test_names_of_a_village_need_its_administrator_s_token(client: Client, village: Person) -> None:
    noted = registered(client, village)
    assert names(client, None, noted).status_code == 401
    assert names(client, Person("household"), noted).status_code == 403
    by_key = client.post("/internal/contacts/names", {"purpose": "work_list", "ids": [noted]}, headers=DOOR)
    assert by_key.status_code == 401, "the key of doors opens no names"
    assert names(client, village, noted, purpose="curiosity").status_code == 422
    assert names(client, village, *(uuid4() for _ in range(rules.MOST + 1))).status_code == 422


def test_ended_household_has_no_name_on_a_work_list(client: Client, database: RolledBack, village: Person) -> None:
    noted = registered(client, village)
    with database.begin() as session:
        session.execute(text("UPDATE households SET ended_at = now(), ended_because = 'died' WHERE id = :id"), {"id": noted})
    assert names(client, village, noted).json["items"] == []
