"""The e-mail address of an account: proven by a mailed code, changed, removed, masked, exported, erased, and told to notify alone."""

import os
from typing import Any

import pytest
from sqlalchemy import select, text

from chassis.data.audit_log import SERVICE, AuditEntry
from chassis.testing.fixtures import Client, Person, RolledBack
from chassis.testing.twins import altered, unguarded
from contracts.users import CodeRequested
from users.accounts.model import Account
from users.erasure.actions import erase_for_good
from users.proofs.actions import emails

from .conftest import code_of, me_of, pending, sign_up, wrong_code_of

DOOR = {"Authorization": f"Bearer {os.environ['DOOR_KEYS']}"}
ADDRESS, OTHER = "li.guiying@example.org", "guiying@mail.example.cn"
CHANGES = "/v1/me/email-changes"


def person_of(client: Client, **changes: Any) -> Person:
    account = me_of(client, sign_up(client, **changes))
    person = Person(account["kind"])
    person.id = account["id"]
    return person


def ask(client: Client, person: Person, email: str = ADDRESS) -> str:
    asked = client.post(CHANGES, {"email": email}, by=person)
    assert asked.status_code == 202, asked.json
    return str(asked.json["id"])


def prove(client: Client, person: Person, email: str = ADDRESS) -> Any:
    asked = ask(client, person, email)
    return client.post(f"{CHANGES}/{asked}/proof", {"code": code_of(asked, "email_change")}, by=person)


def email_at_the_door(client: Client, person: Person) -> Any:
    answer = client.post("/internal/contacts/look-ups", {"purpose": "notice", "ids": [str(person.id)]}, headers=DOOR)
    return answer.json["items"][0]["email"]


def test_address_is_proven_by_the_code_mailed_there(client: Client, database: RolledBack) -> None:
    person = person_of(client)
    asked = ask(client, person)
    event = pending(database)[-1]
    assert isinstance(event, CodeRequested)
    assert (str(event.code_id), event.purpose) == (asked, "email_change")
    mailed = client.flask.get(f"/internal/codes/{asked}", headers=DOOR).json
    assert (mailed["email"], mailed["phone"], mailed["code"]) == (ADDRESS, None, code_of(asked, "email_change"))
    assert client.get("/v1/me", by=person).json["email"] is None, "nothing is proven yet"
    path = f"{CHANGES}/{asked}/proof"
    assert client.post(path, {"code": wrong_code_of(asked, "email_change")}, by=person).json["code"] == "wrong_code"
    proven = client.post(path, {"code": mailed["code"]}, by=person)
    assert (proven.status_code, proven.json["email"]) == (201, "l***@example.org")
    assert client.post(path, {"code": mailed["code"]}, by=person).json["code"] == "code_ended"
    assert email_at_the_door(client, person) == ADDRESS


@pytest.mark.parametrize(
    "guard",
    ["asked.account_id != caller.id", unguarded("False", "somebody who was shown the code gets the address")],
)
def test_code_of_somebody_else_proves_nothing(client: Client, monkeypatch: pytest.MonkeyPatch, guard: str) -> None:
    monkeypatch.setattr(emails, "change_email", altered(emails.change_email, "asked.account_id != caller.id", guard))
    asked = ask(client, person_of(client))
    stranger = person_of(client)
    answer = client.post(f"{CHANGES}/{asked}/proof", {"code": code_of(asked, "email_change")}, by=stranger)
    assert answer.status_code == 404
    assert email_at_the_door(client, stranger) is None


def test_code_for_a_phone_proves_no_address(client: Client) -> None:
    person = person_of(client)
    asked = client.post("/v1/me/phone-changes", {"phone": "13700001111"}, by=person).json["id"]
    answer = client.post(f"{CHANGES}/{asked}/proof", {"code": code_of(asked, "phone_change")}, by=person)
    assert answer.status_code == 404
    other = ask(client, person)
    codes = {"old_code": code_of(other, "email_change"), "new_code": code_of(other, "email_change")}
    assert client.post(f"/v1/me/phone-changes/{other}/proof", codes, by=person).status_code == 404


def test_address_is_changed_and_removed(client: Client, database: RolledBack) -> None:
    person = person_of(client)
    prove(client, person)
    ask(client, person, OTHER)
    assert email_at_the_door(client, person) == ADDRESS, "the present one stays until the code comes back"
    prove(client, person, OTHER)
    assert email_at_the_door(client, person) == OTHER
    for _ in range(2):
        assert client.flask.delete("/v1/me/email", headers=client._headers(person)).status_code == 204
    assert email_at_the_door(client, person) is None
    with database.begin() as session:
        acts = session.scalars(select(AuditEntry.act).where(AuditEntry.act.like("%_email"))).all()
    assert sorted(acts) == ["change_email", "change_email", "remove_email"]


@pytest.mark.parametrize(
    "written",
    ["", "nobody", "a@b", "a b@@example.org", "李@example.org", "a@[127.0.0.1]", '"a b"@example.org', "a..b@example.org", "a@-x.org",
     f"{'a' * 65}@example.org", f"a@{'b' * 63}.{'c' * 200}.org", "a@example.org\nBcc: b@example.org", "Li <a@example.org>", "a@example.o"],
)  # fmt: skip
def test_address_that_is_none_is_refused(client: Client, written: str) -> None:
    answer = client.post(CHANGES, {"email": written}, by=person_of(client))
    assert (answer.status_code, answer.json["errors"][0]["pointer"]) == (422, "#/email")


def test_pasted_address_is_cleaned(client: Client) -> None:
    person = person_of(client)
    prove(client, person, " Li.Guiying＠EXAMPLE.org\u200b ")
    assert email_at_the_door(client, person) == "Li.Guiying@example.org"


def test_address_is_encrypted_exported_and_erased(client: Client, database: RolledBack) -> None:
    person = person_of(client)
    prove(client, person)
    waiting = ask(client, person, OTHER)
    with database.begin() as session:
        stored = session.execute(text("SELECT email FROM accounts WHERE id = :id"), {"id": person.id}).scalar_one()
        assert ADDRESS.encode() not in bytes(stored)
        known = session.get_one(Account, person.id)
        assert known.email == ADDRESS
    taken = client.get("/v1/me/export", by=person)
    assert taken.status_code == 200
    assert ADDRESS in taken.text
    with database.begin() as session:
        erase_for_good(session, SERVICE, session.get_one(Account, person.id), None, "no_longer_needed", "by_rule")
    with database.begin() as session:
        assert session.execute(text("SELECT email FROM accounts WHERE id = :id"), {"id": person.id}).scalar_one() is None
        assert session.execute(text("SELECT count(*) FROM code_requests WHERE id = :id"), {"id": waiting}).scalar_one() == 0
