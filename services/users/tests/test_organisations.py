"""Organisations state their registered name and code, and administrators confirm them."""

from typing import Any

import pytest
from sqlalchemy.orm import Session

from chassis.data.database import new_id
from chassis.http.auth import Caller
from chassis.testing.fixtures import Client, Person, RolledBack, administrator_of, auditor_of
from contracts.users import OrganisationVerificationEnded, OrganisationVerified
from users.organisations.model import Organisation
from users.organisations.rules import find_organisation_problem

from .conftest import pending, person_of

CODE, OTHER = "91110000600037341L", "91330106673959654P"
COUNTY = "510903"


@pytest.fixture
def shop(client: Client) -> Person:
    return person_of(client, kind="merchant", region=COUNTY)


@pytest.fixture
def county(database: RolledBack) -> Person:
    return administrator_of(database, COUNTY)


def state(client: Client, person: Person, seen: str = "*", **more: str) -> Any:
    return client.put("/v1/me/organisation", {"name": "遂宁市惠民商店", "uscc": CODE} | more, by=person, seen=seen)


def verify(client: Client, by: Person, person: Person, act: str = "verification", **body: str) -> Any:
    return client.post(f"/v1/organisations/{person.id}/{act}", body, by=by)


def events(database: RolledBack) -> list[tuple[type, int]]:
    told = OrganisationVerified | OrganisationVerificationEnded
    return [(type(event), event.version) for event in pending(database) if isinstance(event, told)]


def test_organisation_is_verified_and_that_ends(client: Client, database: RolledBack, shop: Person, county: Person) -> None:
    assert state(client, shop, uscc="9111 0000-6000 37341l").json["uscc"] == CODE
    [waiting] = client.get("/v1/organisations", by=county).json["items"]
    assert (waiting["id"], waiting["state"], waiting["allowed"]) == (shop.id, "waiting", ["verify_organisation"])
    verified = verify(client, county, shop)
    assert (verified.status_code, verified.json["state"], verified.json["verified_by"]) == (201, "verified", str(county.id))
    assert verify(client, county, shop).json["code"] == "state_conflict"
    ended = verify(client, county, shop, "verification-end", reason="misuse")
    assert (ended.json["state"], ended.json["reason"], ended.json["allowed"]) == ("ended", "misuse", [])
    assert events(database) == [(OrganisationVerified, 2), (OrganisationVerificationEnded, 3)]
    assert state(client, shop).json["state"] == "waiting"
    assert verify(client, county, shop).status_code == 201


def test_change_of_the_code_ends_the_verification(client: Client, database: RolledBack, shop: Person, county: Person) -> None:
    state(client, shop)
    verify(client, county, shop)
    assert state(client, shop).json["state"] == "verified"
    assert state(client, shop, uscc=OTHER).json["state"] == "waiting"
    assert [kind for kind, _ in events(database)] == [OrganisationVerified, OrganisationVerificationEnded]


def test_one_account_is_verified_with_a_code(client: Client, shop: Person, county: Person) -> None:
    second = person_of(client, kind="organisation", region=COUNTY)
    for person in (shop, second):
        assert state(client, person).status_code == 200
    assert verify(client, county, shop).status_code == 201
    assert verify(client, county, second).json["code"] == "uscc_taken"


def test_county_and_wider_administrators_verify(client: Client, database: RolledBack, shop: Person) -> None:
    state(client, shop)
    for region, status in (("510903001", 404), ("5107", 404), ("510904", 404)):
        assert verify(client, administrator_of(database, region), shop).status_code == status
    assert verify(client, auditor_of(database, "51"), shop).status_code == 403
    assert verify(client, shop, shop).status_code == 403
    assert events(database) == []
    assert verify(client, administrator_of(database, ""), shop).status_code == 201


def test_only_bodies_state_a_code(client: Client, county: Person) -> None:
    for person, status in ((Person("donor"), 403), (county, 403), (None, 401)):
        assert client.put("/v1/me/organisation", {"name": "某店", "uscc": CODE}, by=person).status_code == status
    unit = person_of(client, kind="work_unit", region=COUNTY)
    assert state(client, unit).status_code == 200


@pytest.mark.parametrize("uscc", ["91110000600037341M", "91110000600037341", "身份证", "1" * 18])
def test_wrong_code_is_refused(client: Client, shop: Person, uscc: str) -> None:
    assert state(client, shop, uscc=uscc).json["code"] == "invalid"
    assert client.get(f"/v1/organisations/{shop.id}", by=shop).status_code == 404


def test_stale_statement_is_refused(client: Client, shop: Person) -> None:
    assert state(client, shop, seen='"1"').status_code == 412
    assert state(client, shop, seen='"0"').status_code == 200
    assert state(client, shop, seen='"0"', uscc=OTHER).status_code == 412
    changed = state(client, shop, seen='"1"', uscc=OTHER).json
    assert (changed["version"], changed["uscc"], changed["name"]) == (2, OTHER, "遂宁市惠民商店")


@pytest.mark.parametrize(
    ("managed", "code"),
    [("510903", None), ("51", None), ("", None), ("510903001", "not_allowed"), ("5107", "not_allowed"), ("44", "not_allowed")],
)
def test_rule_asks_for_the_county_or_wider(managed: str, code: str | None) -> None:
    waiting = Organisation(id=new_id(), region="510903001")
    caller = Caller(new_id(), "staff", Session())
    vars(caller)["regions"] = [managed]
    problem = find_organisation_problem("verify_organisation", caller, waiting)
    assert (problem.code if problem else None) == code
    own = Caller(waiting.id, "staff", Session())
    vars(own)["regions"] = [managed]
    assert find_organisation_problem("verify_organisation", own, waiting) is not None
