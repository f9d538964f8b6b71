"""Institutions in the register: schools, clinics, hospitals, village committees."""

from typing import Any

import pytest
from stdnum.cn import uscc

from chassis.testing.fixtures import Client, Person, RolledBack, administrator_of
from contracts.users import InstitutionEnded, InstitutionRegistered

from .conftest import VILLAGE, pending

CODE = "12510903452" + "0000001"[:6]
USCC = CODE + uscc.calc_check_digit(CODE)


def school(**changes: Any) -> dict[str, Any]:
    return {"kind": "school", "name": "红光小学", "region": VILLAGE} | changes


def test_school_is_registered_corrected_and_ended(client: Client, database: RolledBack, village: Person, town: Person) -> None:
    answer = client.post("/v1/institutions", school(uscc=USCC, telephone="0825-5422118", address="村口"), by=village)
    assert answer.status_code == 201, answer.json
    assert (answer.json["telephone"], answer.json["allowed"]) == ("0825-5422118", ["edit_institution", "end_institution"])
    path = f"/v1/institutions/{answer.json['id']}"
    changed = client.patch(path, {"name": "红光村小学", "telephone": None, "reason": "changed"}, by=town, seen='"1"').json
    assert (changed["name"], changed["telephone"], changed["version"]) == ("红光村小学", None, 2)
    assert client.patch(path, {"name": "红光村小学"}, by=village).json["version"] == 2
    assert client.patch(path, {"name": "小学"}, by=village, seen='"1"').json["code"] == "stale"
    ended = client.post(f"{path}/end", {"reason": "closed"}, by=village).json
    assert (ended["ended_because"], ended["allowed"]) == ("closed", [])
    assert client.post(f"{path}/end", {"reason": "closed"}, by=village).json["code"] == "state_conflict"
    first, second, end = pending(database)
    assert isinstance(first, InstitutionRegistered)
    assert isinstance(end, InstitutionEnded)
    assert (first.kind, first.version, second.version, end.version, end.ended_by) == ("school", 1, 2, 3, village.id)
    listed = client.get(f"{path}/versions", by=village).json["items"]
    assert [(one["act"], one["reason"]) for one in listed] == [
        ("end_institution", "closed"), ("edit_institution", "changed"), ("register_institution", None),
    ]  # fmt: skip
    assert listed[1]["changed"]["name"] == ["红光小学", "红光村小学"]
    assert client.post("/v1/institutions", school(uscc=USCC), by=village).status_code == 201


def test_code_of_a_standing_institution_is_registered_once(client: Client, village: Person) -> None:
    assert client.post("/v1/institutions", school(uscc=USCC), by=village).status_code == 201
    answer = client.post("/v1/institutions", school(uscc=USCC, kind="clinic"), by=village)
    assert (answer.status_code, answer.json["code"]) == (409, "uscc_registered")


def test_institutions_are_listed_by_region_and_kind(client: Client, database: RolledBack, village: Person, town: Person) -> None:
    made = [client.post("/v1/institutions", school(kind=kind, region=VILLAGE[:9]), by=town).json for kind in ("hospital", "school")]
    assert [one["id"] for one in client.get("/v1/institutions", by=town, kind="hospital").json["items"]] == [made[0]["id"]]
    assert client.get("/v1/institutions", by=town, region=VILLAGE).json["items"] == []
    for by in (village, administrator_of(database, "5107")):
        assert client.get("/v1/institutions", by=by).json["items"] == []
        assert client.get(f"/v1/institutions/{made[0]['id']}", by=by).status_code == 404
        assert client.post(f"/v1/institutions/{made[0]['id']}/end", {"reason": "error"}, by=by).status_code == 404
    assert client.post("/v1/institutions", school(region="510703001003"), by=town).json["code"] == "outside_region"


@pytest.mark.parametrize("change", [{"kind": "bank"}, {"region": "510903"}, {"uscc": "123"}, {"telephone": "12"}, {"name": ""}])
def test_institution_that_is_wrong_is_refused(client: Client, village: Person, change: dict[str, Any]) -> None:
    answer = client.post("/v1/institutions", school(**change), by=village)
    assert (answer.status_code, answer.json["errors"][0]["pointer"]) == (422, f"#/{next(iter(change))}")
