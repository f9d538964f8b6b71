"""Members of a household, and the change of its head."""

from datetime import UTC, datetime
from typing import Any

import pytest

from chassis.testing.fixtures import Client, Person, RolledBack, administrator_of
from chassis.testing.twins import altered, unguarded
from contracts.users import HouseholdChanged, HouseholdRegistered
from users.members import actions
from users.members.rules import find_birth, find_consent_problem, is_minor

from .conftest import household, national_id, pending
from .test_register import register, versions

CHILD = f"{datetime.now(UTC).year - 8}0101"
WIDOW = {"name": "王秀英", "relation": "spouse"}


def add(client: Client, by: Person, household_id: str, **member: Any) -> Any:
    return client.post(f"/v1/households/{household_id}/members", WIDOW | member, by=by)


def test_member_is_added_with_birth_and_sex_of_the_number(client: Client, database: RolledBack, village: Person, town: Person) -> None:
    made, number = register(client, village), national_id("19520704")
    answer = add(client, village, made["id"], national_id=number, disabled=True, note="右腿截肢")
    assert answer.status_code == 201, answer.json
    sex = "male" if int(number[16]) % 2 else "female"
    stated = {"name": "王秀英", "national_id": number, "birth_year": 1952, "sex": sex, "disabled": True, "labour": False, "minor": False}
    assert stated.items() <= answer.json.items()
    assert client.get(f"/v1/households/{made['id']}", by=village).json["size"] == 2
    [event] = [one for one in pending(database) if isinstance(one, HouseholdChanged)]
    assert (str(event.household_id), event.version) == (made["id"], 2)
    masked = client.get(f"/v1/households/{made['id']}/members", by=town).json["items"][0]
    assert (masked["name"], masked["national_id"]) == ("王**", f"510***********{number[-4:]}")
    assert versions(client, village, made["id"])[0]["after"] == {
        f"member {answer.json['id']}": {
            **dict.fromkeys(("born", "sex", "guardian_consent")),
            **WIDOW, "national_id": number, "disabled": True, "student": False, "patient": False, "labour": False,
        }
    }  # fmt: skip


@pytest.mark.parametrize("stated", [{"national_id": national_id(CHILD)}, {"born": f"{CHILD[:4]}-01-01", "sex": "female"}])
def test_minor_needs_the_guardians_consent(client: Client, village: Person, stated: dict[str, Any]) -> None:
    made = register(client, village)
    child = stated | {"name": "欧阳小禾", "relation": "grandchild", "student": True}
    refused = add(client, village, made["id"], **child)
    assert (refused.status_code, refused.json["code"]) == (422, "guardian_consent_needed")
    added = add(client, village, made["id"], **child, guardian_consent="slip").json
    assert (added["minor"], added["guardian_consent"], added["birth_year"]) == (True, "slip", int(CHILD[:4]))
    kept = client.patch(f"/v1/household-members/{added['id']}", {"guardian_consent": None}, by=village)
    assert kept.json["code"] == "guardian_consent_needed"


def test_size_is_stated_or_follows_from_members(client: Client, village: Person) -> None:
    made = register(client, village, size=5)
    add(client, village, made["id"])
    path = f"/v1/households/{made['id']}"
    assert client.get(path, by=village).json["size"] == 5
    assert client.patch(path, {"size": None}, by=village).json["size"] == 2
    assert client.patch(path, {"size": 1}, by=village).json["size"] == 2


def test_member_is_corrected_and_leaves(client: Client, village: Person) -> None:
    made = register(client, village)
    member = add(client, village, made["id"]).json
    path = f"/v1/household-members/{member['id']}"
    corrected = client.patch(path, {"name": "王秀瑛", "patient": True}, by=village, seen='"1"').json
    assert (corrected["name"], corrected["patient"], corrected["version"]) == ("王秀瑛", True, 2)
    assert client.patch(path, {"name": "王"}, by=village, seen='"1"').json["code"] == "stale"
    left = client.post(f"{path}/leaving", {"reason": "married"}, by=village).json
    assert (left["left_because"], left["allowed"]) == ("married", [])
    assert client.post(f"{path}/leaving", {"reason": "died"}, by=village).json["code"] == "state_conflict"
    assert client.get(f"/v1/households/{made['id']}/members", by=village).json["items"] == []
    assert [one["id"] for one in client.get(f"/v1/households/{made['id']}/members", by=village, left="true").json["items"]] == [
        member["id"]
    ]
    assert [one["act"] for one in versions(client, village, made["id"])][:2] == ["remove_member", "edit_member"]


@pytest.mark.parametrize("region", ["510903001002", "5107"])
def test_members_of_other_places_are_not_found(client: Client, database: RolledBack, village: Person, region: str) -> None:
    made, by = register(client, village), administrator_of(database, region)
    member = add(client, village, made["id"]).json["id"]
    assert add(client, by, made["id"]).status_code == 404
    assert client.get(f"/v1/household-members/{member}", by=by).status_code == 404
    assert client.patch(f"/v1/household-members/{member}", {"name": "王"}, by=by).status_code == 404
    assert client.post(f"/v1/household-members/{member}/leaving", {"reason": "died"}, by=by).status_code == 404


def test_widow_becomes_head_of_the_same_household(client: Client, database: RolledBack, village: Person) -> None:
    made, number = register(client, village), national_id()
    add(client, village, made["id"], national_id=number)
    body = {"name": "王秀英", "national_id": number, "reason": "died"}
    answer = client.post(f"/v1/households/{made['id']}/head", body, by=village)
    assert answer.status_code == 201, answer.json
    assert (answer.json["id"], answer.json["name"], answer.json["national_id"]) == (made["id"], "王秀英", number)
    assert (answer.json["size"], answer.json["registered_at"]) == (None, made["registered_at"])
    change = versions(client, village, made["id"])[0]
    assert (change["act"], change["reason"], change["before"]["name"]) == ("change_head", "died", "欧阳守田")
    assert {type(one) for one in pending(database)} == {HouseholdRegistered, HouseholdChanged}
    assert len([one for one in pending(database) if isinstance(one, HouseholdRegistered)]) == 1


def test_widow_is_no_second_household(client: Client, village: Person) -> None:
    made, number = register(client, village), national_id()
    add(client, village, made["id"], national_id=number)
    refused = client.post("/v1/households", household(name="王秀英", national_id=number), by=village)
    assert (refused.status_code, refused.json["code"]) == (409, "household_registered")
    assert made["id"] == refused.json["household_id"]
    again = add(client, village, register(client, village)["id"], national_id=number)
    assert again.json["code"] == "household_registered"


def test_head_hands_over_and_stays_a_member(client: Client, village: Person) -> None:
    made, number = register(client, village), national_id("19700101")
    body = {"name": "欧阳青", "national_id": number, "reason": "agreed", "former_head": "stays", "relation": "parent"}
    assert client.post(f"/v1/households/{made['id']}/head", body, by=village).json["size"] == 2
    [parent] = client.get(f"/v1/households/{made['id']}/members", by=village).json["items"]
    assert (parent["name"], parent["national_id"], parent["relation"]) == ("欧阳守田", made["national_id"], "parent")
    assert client.post("/v1/households", household(national_id=made["national_id"]), by=village).json["code"] == "household_registered"


def test_head_of_another_household_does_not_become_head(client: Client, village: Person) -> None:
    made, other = register(client, village), register(client, village)
    body = {"name": other["name"], "national_id": other["national_id"], "reason": "other"}
    answer = client.post(f"/v1/households/{made['id']}/head", body, by=village)
    assert (answer.status_code, answer.json["code"]) == (409, "household_registered")
    assert client.get(f"/v1/households/{made['id']}", by=village).json == made


LOOK = "if one.national_id_fingerprint == key"


@pytest.mark.parametrize("look", [LOOK, unguarded("if False", "without the look, the widow stands in the way of herself")])
def test_member_is_found_among_the_household(client: Client, village: Person, monkeypatch: pytest.MonkeyPatch, look: str) -> None:
    monkeypatch.setattr(actions, "change_head", altered(actions.change_head, LOOK, look))
    made, number = register(client, village), national_id()
    add(client, village, made["id"], national_id=number)
    body = {"name": "王秀英", "national_id": number, "reason": "died"}
    client.post(f"/v1/households/{made['id']}/head", body, by=village)
    assert client.get(f"/v1/households/{made['id']}/members", by=village).json["items"] == []


def test_minor_reaches_eighteen_on_the_birthday() -> None:
    born = find_birth(None, "2008-03-01")
    assert born is not None
    assert is_minor(born, born.replace(year=2026, month=2, day=28))
    assert not is_minor(born, born.replace(year=2026))
    assert not is_minor(None, born)
    assert find_consent_problem({"born": "2008-03-01"}, born.replace(year=2027)) is None


def test_members_of_an_ended_household_stay_as_they_are(client: Client, village: Person) -> None:
    made = register(client, village)
    member = add(client, village, made["id"]).json["id"]
    client.post(f"/v1/households/{made['id']}/end", {"reason": "died"}, by=village)
    assert client.patch(f"/v1/household-members/{member}", {"name": "王"}, by=village).json["code"] == "state_conflict"
    assert add(client, village, made["id"]).json["code"] == "state_conflict"
    assert client.get(f"/v1/household-members/{member}", by=village).json["allowed"] == []


def test_number_of_a_member_is_entered_and_corrected(client: Client, village: Person) -> None:
    made, number = register(client, village), national_id("19520704")
    added = add(client, village, made["id"], born="1952-07-04", sex="female").json
    path = f"/v1/household-members/{added['id']}"
    for one in (number, national_id("19520705")):
        answer = client.patch(path, {"national_id": one}, by=village)
        assert (answer.status_code, answer.json.get("national_id")) == (200, one), answer.json
    taken = register(client, village)["national_id"]
    assert client.patch(path, {"national_id": taken}, by=village).json["code"] == "household_registered"
