"""People take their own data along: all of it, theirs alone, without what opens accounts."""

import json
from typing import Any

from sqlalchemy import text

from chassis.data.encryption import encrypted_models
from chassis.testing.fixtures import Client, Person, RolledBack
from users.export import queries

from .conftest import household, person_of, phone, sign_up
from .test_erasure import Signed
from .test_members import WIDOW
from .test_visits import assign, visit

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


PUBLIC, COUNTS, OF_EVENTS = (
    "public facts about places and offices",
    "counts under fingerprints, kept for hours",
    "ids of requests and events",
)
OWN = "the service's own"
NOT_EXPORTED = {
    **dict.fromkeys(("regions", "region_aliases", "region_changes", "region_imports", "region_spellings", "places"), PUBLIC),
    **dict.fromkeys(("institutions", "institution_versions", "item_words"), PUBLIC),
    **dict.fromkeys(("imports", "import_parts", "import_rows", "import_mappings"), "a village's tables, kept for seven days"),
    **dict.fromkeys(("code_counts", "wrong_passwords"), COUNTS),
    **dict.fromkeys(("idempotency_keys", "ended_sessions", "tickets", "inbox", "outbox", "journal", "queues", "dead_letters"), OF_EVENTS),
    "client_ids": OF_EVENTS,
    "appointments": "a copy of appointment_records",
    "audit.entries": "`GET /v1/users/audit` lists those about oneself",
    **dict.fromkeys(("public_keys", "alembic_version", "chassis_version", "audit.version"), OWN),
}
"""Tables that are not exported, with the reason."""


def test_every_table_is_exported_or_has_a_reason(database: RolledBack) -> None:
    listed = text(
        "SELECT DISTINCT CASE schemaname WHEN 'public' THEN '' ELSE schemaname || '.' END"
        " || regexp_replace(tablename, '^journal_.*', 'journal')"
        " FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
    )
    exported = {entity.__tablename__ for entity in queries.ABOUT}
    assert {row[0] for row in database.found(listed)} - NOT_EXPORTED.keys() == exported
    assert [model.table.name for model in encrypted_models("users") if model.table.name not in exported | NOT_EXPORTED.keys()] == []


def test_document_describes_every_exported_column(client: Client) -> None:
    schemas = client.flask.get("/openapi/users.json").json["components"]["schemas"]
    tables = schemas["ExportedTables"]["properties"]
    assert tables.keys() == {entity.__tablename__ for entity in queries.ABOUT}
    for entity in queries.ABOUT:
        table = tables[entity.__tablename__]
        assert table["description"]
        assert schemas[table["items"]["$ref"].rpartition("/")[2]]["properties"].keys() == queries.columns_of(entity).keys()


def test_export_holds_everything_about_the_person(client: Client, database: RolledBack, village: Person, town: Person) -> None:
    number = phone()
    made = client.post("/v1/households", household(phone=number, name=NAMES[0]), by=village).json["id"]
    other = client.post("/v1/households", household(name=NAMES[1]), by=village).json["id"]
    for one, note in ((made, "本户的事"), (other, "邻居的事")):
        path = f"/v1/households/{one}"
        assert client.post("/v1/household-visits", visit(one, note=note), by=village).status_code == 201
        assert client.post(f"{path}/members", WIDOW | {"note": note}, by=village).status_code == 201
        assert client.post(f"{path}/labels", {"label": "marginal", "reason": "illness", "note": note}, by=village).status_code == 201
        assert client.post(f"{path}/reveal", {"purpose": "visit", "reason": note}, by=town).status_code == 201
    helper = person_of(client, kind="cadre")
    assign(client, village, helper)
    assign(client, village, helper, household_id=other, role="agricultural_technician")
    account, tables = exported(client, number)
    assert client.post(f"/v1/accounts/{account.id}/reveal", {"purpose": "visit", "reason": "本户的事"}, by=town).status_code == 201
    again = account.get("/v1/me/export").json["tables"]
    assert [look["reason"] for look in again["person_reveals"]] == ["本户的事"]
    told = json.dumps(tables, ensure_ascii=False)
    assert "邻居的事" not in told
    for part in ("visits", "members", "labels", "reveals", "versions", "helps"):
        assert tables[f"household_{part}"], part
    # Helpers of the whole village or of others are listed at `GET /v1/me/helpers`.
    assert tables["helper_assignments"] == []
    assert told.count("本户的事") >= 4


def test_export_of_nobody_s_household_is_empty(client: Client, village: Person) -> None:
    client.post("/v1/households", household(), by=village)
    assign(client, village, person_of(client, kind="cadre"))
    donor = Signed(client, sign_up(client))
    tables = donor.get("/v1/me/export").json["tables"]
    assert {name for name, rows in tables.items() if rows} == {"accounts", "sign_ins", "code_requests"}
