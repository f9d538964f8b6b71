"""The guard of acts: administrators above the village need a second factor in their sign-in."""

import pytest
from pantry import api as pantry_api
from sqlalchemy import text

from chassis.http import routes
from chassis.testing.fixtures import Client, Person, RolledBack, administrator_of, api_fixtures
from chassis.testing.twins import altered, unguarded

engine, database, client = api_fixtures("pantry", pantry_api.api)

VILLAGE = "510903001001"
BODY = {"region": "51"}


def without_second_factor(person: Person) -> Person:
    person.claims = {}
    return person


@pytest.mark.parametrize("condition", ["caller.needs_second_factor", unguarded("False", "without the guard, a password alone acts")])
@pytest.mark.parametrize("region", ["", "51", "5109", "510903", VILLAGE[:9]])
def test_wide_administrator_acts_with_second_factor_only(
    client: Client, database: RolledBack, monkeypatch: pytest.MonkeyPatch, region: str, condition: str
) -> None:
    guard = altered(routes._require_second_factor, "caller.needs_second_factor", condition)
    monkeypatch.setattr(routes, "_require_second_factor", guard)
    person = without_second_factor(administrator_of(database, region))
    answer = client.post("/v1/withdrawals", BODY, by=person)
    assert (answer.status_code, answer.json.get("code")) == (403, "second_factor_needed")
    person.claims = {"mfa": 1}
    assert client.post("/v1/withdrawals", BODY, by=person).status_code == 201


def test_village_administrator_and_others_need_no_second_factor(client: Client, database: RolledBack) -> None:
    village = without_second_factor(administrator_of(database, VILLAGE))
    for person in (village, without_second_factor(Person("staff")), Person("donor")):
        assert client.post("/v1/withdrawals", BODY, by=person).status_code == 201


def test_one_wider_region_among_others_needs_it(client: Client, database: RolledBack) -> None:
    person = without_second_factor(administrator_of(database, VILLAGE))
    town = administrator_of(database, VILLAGE[:9])
    with database.begin() as session:
        session.execute(text("UPDATE appointments SET user_id = :person WHERE user_id = :town"), {"person": person.id, "town": town.id})
    assert client.post("/v1/withdrawals", BODY, by=person).json["code"] == "second_factor_needed"


def test_reading_and_public_requests_need_no_second_factor(client: Client, database: RolledBack) -> None:
    person = administrator_of(database, "51")
    path = client.post("/v1/withdrawals", BODY, by=person).headers["Location"]
    without_second_factor(person)
    assert client.get(path, by=person).status_code == 200
    assert client.post("/v1/counts", {"quantity": 1}, by=person).status_code == 200


def test_refusal_speaks_the_callers_language(client: Client, database: RolledBack) -> None:
    person = without_second_factor(administrator_of(database, "51"))
    said = [
        client.post("/v1/withdrawals", BODY, by=person, headers={"Accept-Language": language}).json["title"] for language in ("zh-CN", "en")
    ]
    assert said == [
        "乡镇及以上管理员办理此事，请先输入动态验证码",
        "Enter a code from your authenticator app first. Administrators above the village need it for this.",
    ]


def test_document_names_operations_that_need_it(client: Client) -> None:
    paths = client.flask.get("/openapi/pantry.json").json["paths"]
    assert paths["/v1/withdrawals"]["post"]["x-second-factor"] is True
    assert paths["/v1/gifts"]["post"]["x-second-factor"] is False
    assert "x-second-factor" not in paths["/v1/withdrawals/{withdrawal_id}"]["get"]
