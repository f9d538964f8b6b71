"""The door through which notify looks up contacts: whose telephone, for whom, and that each look is recorded."""

import os
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select, text

from chassis.data.audit_log import AuditEntry
from chassis.testing.fixtures import Client, Person, RolledBack
from users.contacts import rules

from .conftest import household, me_of, phone, sign_up

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
