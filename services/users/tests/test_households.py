"""The register of households: registering, visibility, uniqueness."""

from typing import Any

import pytest
from sqlalchemy import text
from stdnum.cn import ric

from chassis.data.database import new_id
from chassis.testing.fixtures import Client, Person, RolledBack, administrator_of
from contracts import regions
from contracts.users import HouseholdRegistered, UserRegistered

from .conftest import PASSWORD, VILLAGE, household, me_of, national_id, pending, phone, sign_up


def register(client: Client, by: Person | None, **changes: Any) -> Any:
    return client.post("/v1/households", household(**changes), by=by)


def test_a_registered_household_is_published(client: Client, database: RolledBack, village: Person) -> None:
    number = national_id()
    answer = register(client, village, national_id=number, status="monitored")
    assert answer.status_code == 201, answer.json
    assert (answer.json["name"], answer.json["shown"], answer.json["status"]) == ("欧阳守田", "village", "monitored")
    assert (answer.json["national_id"], answer.json["birth_year"], answer.json["size"]) == (number, 1948, None)
    assert answer.headers["Location"] == f"/v1/households/{answer.json['id']}"
    [event] = pending(database)
    assert isinstance(event, HouseholdRegistered)
    assert (str(event.household_id), event.account_id, event.region) == (answer.json["id"], None, VILLAGE)
    assert (event.status, event.registered_by, event.version) == ("monitored", village.id, 1)


def prove_household(client: Client, number: str, **more: Any) -> Any:
    return sign_up(client, kind="household", phone=number, name="欧阳守田", **more)


def test_household_that_proves_its_phone_gets_its_account(client: Client, database: RolledBack, village: Person) -> None:
    number = phone()
    made = register(client, village, phone=number).json
    assert (made["account_id"], made["contact_phone"]) == (None, number)
    me = me_of(client, tokens := prove_household(client, number, region="51"))
    assert (me["kind"], me["household_id"], me["region"]) == ("household", made["id"], VILLAGE)
    entered, _, registered, given = pending(database)
    assert isinstance(entered, HouseholdRegistered)
    assert isinstance(registered, UserRegistered)
    assert isinstance(given, HouseholdRegistered)
    assert (entered.version, entered.account_id, given.version, str(given.account_id)) == (1, None, 2, me["id"])
    assert (given.household_id, registered.user_id, registered.region) == (entered.household_id, given.account_id, VILLAGE)
    headers = {"Authorization": f"Bearer {tokens.json['access_token']}"}
    own = client.flask.get(f"/v1/households/{made['id']}", headers=headers).json
    assert (own["shown"], own["name"], own["national_id"]) == ("own", "欧阳守田", made["national_id"])


def test_household_without_a_noted_phone_is_sent_to_its_village(client: Client, database: RolledBack, village: Person) -> None:
    register(client, village)
    answer = prove_household(client, phone())
    assert (answer.status_code, answer.json["code"]) == (422, "household_unknown")
    assert not any(isinstance(event, UserRegistered) for event in pending(database))


def test_phone_of_several_households_needs_the_name(client: Client, village: Person) -> None:
    number = phone()
    made = [register(client, village, phone=number, name=name).json["id"] for name in ("欧阳守田", "司马春", "司马春")]
    assert sign_up(client, kind="household", phone=number, name="司马春").json["code"] == "household_unknown"
    assert me_of(client, prove_household(client, number))["household_id"] == made[0]


def test_household_with_an_account_is_not_given_away(client: Client, database: RolledBack, village: Person) -> None:
    number = phone()
    register(client, village, phone=number)
    me_of(client, prove_household(client, number))
    with database.begin() as session:
        session.execute(text("UPDATE accounts SET phone_fingerprint = '\\x00'"))
    assert prove_household(client, number).json["code"] == "household_unknown"


def test_contact_blocks_nobody(client: Client, village: Person) -> None:
    number = phone()
    assert register(client, village, phone=number).status_code == 201
    assert me_of(client, sign_up(client, phone=number))["kind"] == "donor"
    assert register(client, village, phone=number).status_code == 201


def test_no_password_is_taken_for_a_household(client: Client, database: RolledBack, village: Person) -> None:
    answer = register(client, village, phone=phone(), password=PASSWORD)
    assert (answer.status_code, answer.json["code"]) == (422, "password_not_accepted")
    assert pending(database) == []


def test_household_is_registered_once_in_a_place(client: Client, database: RolledBack, village: Person, town: Person) -> None:
    number = national_id()[:17]
    made = register(client, village, national_id=_with_digit(number)).json
    for by, region in ((village, VILLAGE), (town, f"{VILLAGE[:9]}002")):
        answer = register(client, by, national_id=_with_digit(number).lower(), region=region, name="别人")
        assert (answer.status_code, answer.json["code"]) == (409, "household_registered")
        assert (made["id"] in answer.text, VILLAGE in answer.text) == (True, True)
    assert len(pending(database)) == 1


def _with_digit(first_seventeen: str) -> str:
    return first_seventeen + ric.calc_check_digit(first_seventeen + "0")


@pytest.mark.parametrize("region", ["510903001002", "510703001003"])
def test_registering_outside_the_managed_regions_is_refused(client: Client, village: Person, region: str) -> None:
    answer = register(client, village, region=region)
    assert (answer.status_code, answer.json["code"]) == (403, "outside_region")


@pytest.mark.parametrize(("kind", "status"), [("donor", 403), ("household", 403), ("staff", 403), (None, 401)])
def test_only_administrators_register_households(client: Client, kind: str | None, status: int) -> None:
    assert register(client, Person(kind) if kind else None).status_code == status


@pytest.mark.parametrize(
    "change",
    [
        {"region": "510903001"},
        {"region": "510903001999"},
        {"national_id": "510922194803120011"},
        {"national_id": "510922194802300010"},
        {"national_id": 510922194803120011},
        {"national_id": ""},
        {"status": "poor"},
        {"name": ""},
        {"phone": "123"},
        {"password": "short", "phone": "13800001234"},
        {"surprise": 1},
    ],
)
def test_an_invalid_household_is_refused(client: Client, database: RolledBack, village: Person, change: dict[str, Any]) -> None:
    answer = register(client, village, **change)
    assert (answer.status_code, answer.json["code"]) == (422, "invalid")
    assert answer.json["errors"][0]["pointer"] == f"#/{next(iter(change))}"
    assert pending(database) == []


def test_households_are_visible_to_managers_of_their_village(client: Client, database: RolledBack, village: Person, town: Person) -> None:
    made = register(client, village, phone="0825-5422118", address="村东头第三家", size=4).json
    path = f"/v1/households/{made['id']}"
    masked = {"shown": "region", "name": "欧**", "national_id": f"510***********{made['national_id'][-4:]}"}
    masked |= {"contact_phone": "0825-***2118", "address": "**"}
    for by, seen in ((village, {}), (town, masked), (administrator_of(database, ""), masked)):
        shown = client.get(path, by=by).json
        assert shown | {"allowed": []} == made | seen | {"allowed": []}
        assert client.get("/v1/households", by=by, region="510903").json["items"] == [shown]
    for by in (administrator_of(database, "5107"), administrator_of(database, "510903001002"), Person("staff")):
        assert client.get(path, by=by).status_code == 404
        assert client.get("/v1/households", by=by).json["items"] == []
    assert client.get(path, by=Person("household")).status_code == 404
    assert client.get(path, by=Person("donor")).status_code == 403
    assert client.get("/v1/households", by=Person("household")).status_code == 403
    assert client.get(path).status_code == 401
    assert client.get(f"/v1/households/{new_id()}", by=town).status_code == 404


def test_the_list_has_pages(client: Client, village: Person) -> None:
    made = [register(client, village).json["id"] for _ in range(5)]
    first = client.get("/v1/households", by=village, limit=3).json
    second = client.get("/v1/households", by=village, limit=3, cursor=first["next"]).json
    assert [one["id"] for one in first["items"] + second["items"]] == made[::-1]
    assert second["next"] is None


def test_a_household_repeated_with_its_key_is_registered_once(client: Client, database: RolledBack, village: Person) -> None:
    key, wanted = {"Idempotency-Key": str(new_id())}, household()
    first, second = (client.post("/v1/households", wanted, by=village, headers=key) for _ in range(2))
    assert (second.status_code, second.json) == (201, first.json)
    assert len(pending(database)) == 1


def test_a_household_of_a_removed_village_is_shown(client: Client, database: RolledBack, town: Person, village: Person) -> None:
    made = client.get(f"/v1/households/{register(client, village).json['id']}", by=town).json
    gone = f"{VILLAGE[:9]}999"
    assert not regions.known(gone)
    with database.begin() as session:
        session.execute(text("UPDATE households SET region = :region"), {"region": gone})
    [shown] = client.get("/v1/households", by=town).json["items"]
    assert shown == made | {"region": gone} == client.get(f"/v1/households/{made['id']}", by=town).json
