"""People take their own data along: all of it, theirs alone, without what opens accounts."""

import json
from typing import Any

from sqlalchemy import text

from chassis.data.database import new_id
from chassis.data.encryption import encrypted_models
from chassis.testing.fixtures import Client, Person, RolledBack
from users.export import queries

from .conftest import household, phone, sign_up
from .test_erasure import Signed

NAMES = ("欧阳守田", "邻居")


def exported(client: Client, number: str) -> tuple[Signed, Any]:
    account = Signed(client, sign_up(client, kind="household", phone=number))
    answer = account.get("/v1/me/export")
    assert answer.status_code == 200, answer.json
    return account, answer.json["tables"]


def test_export_holds_account_and_household_whole(client: Client, database: RolledBack, village: Person) -> None:
    number = phone()
    wanted = household(phone=number, name=NAMES[0])
    made = client.post("/v1/households", wanted, by=village).json["id"]
    client.post("/v1/households", household(name=NAMES[1]), by=village)
    account, tables = exported(client, number)
    [home], [own] = tables["households"], tables["accounts"]
    assert (home["id"], home["name"], home["national_id"]) == (made, NAMES[0], wanted["national_id"])
    assert (own["id"], own["name"], own["phone"]) == (str(account.id), NAMES[0], f"+86{number}")
    assert len(tables["sign_ins"]) == 1
    assert NAMES[1] not in json.dumps(tables, ensure_ascii=False)
    noted = text("SELECT count(*) FROM audit.entries WHERE act = 'export_own_data' AND person_id = :id")
    assert database.found(noted, id=account.id)[0][0] == 1


def test_export_holds_no_secret(client: Client, village: Person) -> None:
    number = phone()
    client.post("/v1/households", household(phone=number), by=village)
    _, tables = exported(client, number)
    keys = {key for rows in tables.values() for row in rows for key in row}
    assert keys & queries.SECRETS == set()
    assert [key for key in keys if key.endswith(("_hash", "_fingerprint", "salt"))] == []


def test_every_personal_column_is_exported_or_a_secret() -> None:
    person, home = new_id(), new_id()
    exportable = {mapper.local_table for mapper in queries._mappers() if queries._condition(mapper, person, home) is not None}
    assert [model.table.name for model in encrypted_models("users") if model.table not in exportable] == []
