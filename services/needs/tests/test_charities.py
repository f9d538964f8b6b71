"""Charities that counties name, and the gate for needs of money."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text
from stdnum.cn import uscc

from chassis.data.database import now
from chassis.http import versions
from chassis.testing.fixtures import Client, Person, RolledBack, administrator_of
from chassis.testing.twins import unguarded
from contracts.needs import NeedPublished
from needs.review import actions

from .conftest import VILLAGE, pending, rice

COUNTY, CITY = VILLAGE[:6], VILLAGE[:4]
MONEY = {"category": "money.treatment", "quantity": 2_000_000, "reason": "透析自付部分每月差三千元"}


def credit_code(number: int) -> str:
    start = f"53510900MJQ{number:06}"
    return start + str(uscc.calc_check_digit(start))


def named(client: Client, database: RolledBack, region: str = COUNTY, number: int = 1, **changes: Any) -> Any:
    stated = {"region": region, "name": f"{region} 慈善会", "registration_number": credit_code(number), "last_day": "2090-12-31"}
    return client.post("/v1/charities", stated | changes, by=administrator_of(database, region))


def posted(client: Client, household: UUID, village: Person) -> str:
    answer = client.post("/v1/needs", rice(household_id=str(household), consent="slip") | MONEY, by=village)
    assert answer.status_code == 201, answer.json
    return f"/v1/needs/{answer.json['id']}"


@pytest.mark.parametrize("is_guarded", [True, unguarded(False, "without the gate, a person's appeal for money is published")])
def test_money_is_published_only_through_a_named_charity(
    client: Client, database: RolledBack, household: UUID, village: Person, town: Person, monkeypatch: pytest.MonkeyPatch, is_guarded: bool
) -> None:
    if not is_guarded:
        monkeypatch.setattr(actions, "require_charity", lambda session, need: None)
    need = posted(client, household, village)
    refused = client.post(f"{need}/verification", by=town)
    assert (refused.status_code, refused.json.get("code")) == (409, "charity_needed")
    assert client.get(need, by=town).json["state"] == "posted"
    named(client, database, CITY, 1)
    county = named(client, database, COUNTY, 2).json
    published = client.post(f"{need}/verification", by=town)
    assert (published.status_code, published.json["charity"], published.json["charity_id"]) == (201, f"{COUNTY} 慈善会", county["id"])
    assert client.get(need).json["charity"] == f"{COUNTY} 慈善会", "everybody reads who receives the money"
    [event] = [one for one in pending(database) if isinstance(one, NeedPublished)]
    assert event.charity == f"{COUNTY} 慈善会"


def test_goods_need_no_charity(client: Client, database: RolledBack, household: UUID, village: Person, town: Person) -> None:
    need = client.post("/v1/needs", rice(household_id=str(household), consent="slip"), by=village).json
    published = client.post(f"/v1/needs/{need['id']}/verification", by=town)
    assert (published.status_code, published.json["charity"]) == (201, None)


def test_ended_and_expired_charities_receive_nothing(
    client: Client, database: RolledBack, household: UUID, village: Person, town: Person
) -> None:
    need, county = posted(client, household, village), administrator_of(database, COUNTY)
    charity = f"/v1/charities/{named(client, database).json['id']}"
    assert client.post(f"{charity}/ending", by=county).status_code == 201
    assert client.post(f"{need}/verification", by=town).json["code"] == "charity_needed"
    assert client.post(f"{charity}/ending", by=county).json["code"] == "state_conflict"
    named(client, database, number=2)
    with database.begin() as session:
        session.execute(text("UPDATE charities SET last_day = current_date - 2"))
    assert client.post(f"{need}/verification", by=town).json["code"] == "charity_needed"
    assert client.get("/v1/charities", region=VILLAGE).json["items"] == []


def test_charities_are_public_and_those_of_regions_around_count(client: Client, database: RolledBack) -> None:
    for number, region in enumerate((CITY, COUNTY, "510722"), 1):
        assert named(client, database, region, number).status_code == 201
    assert {one["region"] for one in client.get("/v1/charities", region=VILLAGE).json["items"]} == {CITY, COUNTY}
    assert len(client.get("/v1/charities").json["items"]) == 3


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"registration_number": "53510900MJQ0000010"}, "invalid"),
        ({"registration_number": "510903194803120014"}, "invalid"),
        ({"last_day": "2020-01-01"}, "charity_expired"),
        ({"last_day": "12.3.2090"}, "invalid"),
        ({"region": VILLAGE[:9]}, "invalid"),
        ({"region": "510722"}, "not_found"),
    ],
)
def test_charity_that_cannot_be_named_is_refused(client: Client, database: RolledBack, changes: dict[str, Any], code: str) -> None:
    stated = {"region": COUNTY, "name": "某县慈善会", "registration_number": credit_code(1), "last_day": "2090-12-31"}
    answer = client.post("/v1/charities", stated | changes, by=administrator_of(database, COUNTY))
    assert answer.json["code"] == code
    assert client.get("/v1/charities").json["items"] == []


def test_charity_is_named_once_for_a_region(client: Client, database: RolledBack) -> None:
    assert named(client, database).status_code == 201
    assert (named(client, database).status_code, named(client, database).json["code"]) == (409, "charity_named")
    assert named(client, database, CITY).status_code == 201


@pytest.mark.parametrize("is_guarded", [True, unguarded(False, "without If-Match, two administrators overwrite each other")])
def test_charity_is_changed_by_its_region_and_recorded(
    client: Client, database: RolledBack, monkeypatch: pytest.MonkeyPatch, is_guarded: bool
) -> None:
    if not is_guarded:
        monkeypatch.setattr(versions, "check_if_match", lambda session, row: setattr(session.info.get("seen"), "compared", True))
    charity = f"/v1/charities/{named(client, database).json['id']}"
    county, stranger = administrator_of(database, COUNTY), administrator_of(database, "510722")
    assert client.get(charity, by=county).json["allowed"] == ["change_charity", "end_charity"]
    assert client.get(charity, by=stranger).json["allowed"] == []
    assert client.patch(charity, {"last_day": "2020-01-01"}, by=county).json["code"] == "charity_expired"
    later = {"last_day": (now() + timedelta(days=400)).date().isoformat()}
    assert client.patch(charity, later, by=county, seen='"1"').json["version"] == 2
    assert client.patch(charity, later, by=county, seen='"1"').status_code == 412
    assert client.patch(charity, later, by=stranger).status_code == 404
    assert client.patch(charity, {}, by=county).status_code == 422
    with database.begin() as session:
        acts = session.scalars(text("SELECT act FROM audit.entries ORDER BY id")).all()
    assert acts == ["name_charity", "change_charity"]
