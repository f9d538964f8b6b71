"""Helpers see their households, and record visits and the help they gave."""

from datetime import timedelta
from typing import Any

import pytest

from chassis.data.database import new_id
from chassis.testing.fixtures import Client, Person, RolledBack, administrator_of
from users.appointments.days import today

from .conftest import VILLAGE, person_of
from .test_finding import entries
from .test_register import BESIDE, register

STATED = {"role": "first_secretary", "unit": "县财政局", "post": "科长"}
DAY = (today() - timedelta(days=3)).isoformat()


@pytest.fixture
def helper(client: Client) -> Person:
    return person_of(client, kind="cadre", name="杜若衡")


def assign(client: Client, by: Person, helper: Person, region: str = VILLAGE, **more: Any) -> Any:
    answer = client.post("/v1/helpers", {"account_id": str(helper.id), "region": region} | STATED | more, by=by)
    assert answer.status_code == 201, answer.json
    return answer.json


def visit(household: str, **more: Any) -> dict[str, Any]:
    given = [{"kind": "goods", "description": "棉被两床", "value": 30_000}, {"kind": "policy", "description": "代办医保报销"}]
    return {"household_id": household, "visited_on": DAY, "note": "屋顶漏雨，老人住院", "help": given} | more


def test_helper_sees_the_households_they_answer_for(
    client: Client, database: RolledBack, village: Person, town: Person, helper: Person
) -> None:
    made, other = register(client, village, address="一组"), register(client, village)
    register(client, town, region=BESIDE)
    path = "/v1/households/mine"
    assert client.get(path, by=helper).json["items"] == []
    assignment = assign(client, village, helper, household_id=made["id"])
    [shown] = client.get(path, by=helper).json["items"]
    assert (shown["id"], shown["name"], shown["address"], shown["allowed"]) == (made["id"], "欧阳守田", "一组", [])
    assert entries(database, "list_own_helped_households") == [(str(helper.id), made["id"], made["id"], VILLAGE)]
    assign(client, village, helper)
    assert {one["id"] for one in client.get(path, by=helper).json["items"]} == {made["id"], other["id"]}
    for one in (assignment, *client.get("/v1/helpers/mine", by=helper).json["items"]):
        client.post(f"/v1/helpers/{one['id']}/release", by=village)
    assert client.get(path, by=helper).json["items"] == []


def test_visit_and_help_are_recorded_afterwards(client: Client, village: Person, town: Person, helper: Person) -> None:
    made = register(client, village)
    assert client.post("/v1/household-visits", visit(made["id"]), by=helper).status_code == 404
    assign(client, village, helper, household_id=made["id"])
    answer = client.post("/v1/household-visits", visit(made["id"]), by=helper)
    assert answer.status_code == 201, answer.json
    assert [(one["kind"], one["value"]) for one in answer.json["help"]] == [("goods", 30_000), ("policy", None)]
    assert (answer.json["note"], answer.json["visited_on"]) == ("屋顶漏雨，老人住院", DAY)
    assert client.get("/v1/household-visits/mine", by=helper).json["items"] == [answer.json]
    [whole] = client.get(f"/v1/households/{made['id']}/visits", by=village).json["items"]
    assert whole == answer.json
    [masked] = client.get(f"/v1/households/{made['id']}/visits", by=town).json["items"]
    assert (masked["note"], [one["description"] for one in masked["help"]]) == (None, ["**", "**"])


def test_administrators_record_visits_too(client: Client, database: RolledBack, village: Person, town: Person) -> None:
    made = register(client, village)
    for by, status in ((village, 201), (town, 201), (administrator_of(database, BESIDE), 404), (Person("donor"), 403)):
        assert client.post("/v1/household-visits", visit(made["id"], help=[]), by=by).status_code == status


@pytest.mark.parametrize(
    "change",
    [
        {"visited_on": (today() + timedelta(days=1)).isoformat()},
        {"visited_on": (today() - timedelta(days=366)).isoformat()},
        {"help": [{"kind": "prayer", "description": "x"}]},
        {"help": [{"kind": "money", "description": "x", "value": 0}]},
        {"help": [{"kind": "goods", "description": "x"}] * 21},
    ],
)
def test_visit_that_is_wrong_is_refused(client: Client, village: Person, change: dict[str, Any]) -> None:
    made = register(client, village)
    assert client.post("/v1/household-visits", visit(made["id"], **change), by=village).status_code == 422
    assert client.get(f"/v1/households/{made['id']}/visits", by=village).json["items"] == []


def test_ended_household_gets_no_visit(client: Client, village: Person) -> None:
    made = register(client, village)
    client.post(f"/v1/households/{made['id']}/end", {"reason": "died"}, by=village)
    assert client.post("/v1/household-visits", visit(made["id"]), by=village).status_code == 404


def test_visit_with_a_client_s_id_is_recorded_once(client: Client, database: RolledBack, village: Person) -> None:
    made = register(client, village)
    body = visit(made["id"], id=str(new_id()))
    answers = [client.post("/v1/household-visits", body, by=village) for _ in range(2)]
    assert [(one.status_code, one.json["id"]) for one in answers] == [(201, body["id"])] * 2
    assert len(client.get("/v1/household-visits/mine", by=village).json["items"]) == 1
    other = client.post("/v1/household-visits", body, by=administrator_of(database, VILLAGE))
    assert (other.status_code, other.json["code"]) == (409, "id_taken")
