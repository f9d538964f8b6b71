"""Households move, are handed over, split, merge and leave the register."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import text

from chassis.data.database import Database
from chassis.testing.fixtures import Client, Person, RolledBack, administrator_of, assert_retold
from chassis.testing.simultaneous import meet_at_lock
from chassis.testing.twins import altered, unguarded
from contracts.users import HelperReleased, HouseholdChanged, HouseholdEnded, HouseholdMoved, HouseholdRegistered, UserRegistered
from users.households import claims
from users.sessions.tokens import SigningKeys
from users.snapshots import SNAPSHOTS
from users.transfers import actions

from .conftest import VILLAGE, client_of, household, me_of, national_id, pending, person_of, phone, sign_up
from .test_members import add
from .test_register import BESIDE, FAR, register, versions


def of(database: RolledBack, kind: type[Any]) -> list[Any]:
    return [event for event in pending(database) if isinstance(event, kind)]


def move(client: Client, by: Person, household_id: str, to: str = BESIDE) -> Any:
    return client.post(f"/v1/households/{household_id}/move", {"to_region": to, "reason": "relocated"}, by=by)


def test_household_moves_and_both_villages_know(client: Client, database: RolledBack, village: Person, town: Person) -> None:
    made, beside = register(client, village), administrator_of(database, BESIDE)
    answer = move(client, town, made["id"])
    assert (answer.status_code, answer.json["region"], answer.json["id"]) == (201, BESIDE, made["id"])
    [event] = of(database, HouseholdMoved)
    assert (event.region, event.former_region, event.moved_by, event.version) == (BESIDE, VILLAGE, town.id, 2)
    assert client.get(f"/v1/households/{made['id']}", by=village).status_code == 404
    assert client.get(f"/v1/households/{made['id']}", by=beside).json["name"] == "欧阳守田"
    last = versions(client, beside, made["id"])[0]
    assert (last["act"], last["reason"]) == ("move_household", "relocated")
    assert move(client, town, made["id"]).json["version"] == 2


IN_REGION = "if problem := find_region_problem"
ANYWHERE = unguarded("if problem := None and find_region_problem", "without the region, a township moves a household anywhere")


@pytest.mark.parametrize("guard", [IN_REGION, ANYWHERE])
def test_household_is_moved_by_whoever_manages_both(
    client: Client, database: RolledBack, village: Person, town: Person, monkeypatch: pytest.MonkeyPatch, guard: str
) -> None:
    monkeypatch.setattr(actions, "move_household", altered(actions.move_household, IN_REGION, guard))
    made = register(client, village)
    assert move(client, town, made["id"], FAR).json.get("code") == "outside_region"
    assert move(client, village, made["id"]).json["code"] == "not_allowed"
    assert move(client, administrator_of(database, "5107"), made["id"], FAR).status_code == 404
    assert of(database, HouseholdMoved) == []


def test_account_and_helpers_of_a_moving_household(client: Client, database: RolledBack, village: Person, town: Person) -> None:
    number = phone()
    made = register(client, village, phone=number)
    me_of(client, tokens := sign_up(client, kind="household", phone=number, name="欧阳守田"))
    helper = person_of(client, kind="cadre", name="杜若衡")
    stated = {"account_id": helper.id, "role": "first_secretary", "unit": "县财政局", "post": "科长", "region": VILLAGE}
    for more in ({}, {"household_id": made["id"]}):
        assert client.post("/v1/helpers", stated | more, by=town).status_code == 201
    move(client, town, made["id"])
    assert me_of(client, tokens)["region"] == BESIDE
    [released] = of(database, HelperReleased)
    assert str(released.household_id) == made["id"]
    assert of(database, UserRegistered)[-1].region == BESIDE


def test_household_of_a_known_number_is_not_moved_beside_itself(client: Client, database: RolledBack, village: Person) -> None:
    far, country = administrator_of(database, FAR), administrator_of(database, "")
    made = register(client, village)
    register(client, far, region=FAR, national_id=made["national_id"])
    answer = move(client, country, made["id"], FAR)
    assert (answer.status_code, answer.json["code"]) == (409, "household_registered")


def asked(client: Client, village: Person) -> str:
    [transfer] = client.get("/v1/household-transfers", by=village).json["items"]
    return f"/v1/household-transfers/{transfer['id']}"


def test_accepted_transfer_moves_the_household_with_its_history(client: Client, database: RolledBack, village: Person) -> None:
    number, far = phone(), administrator_of(database, FAR)
    made = register(client, village, phone=number, address="一组")
    account = me_of(client, sign_up(client, kind="household", phone=number, name="欧阳守田"))["id"]
    add(client, village, made["id"], national_id=(widow := national_id()))
    entry = register(client, far, region=FAR, national_id=made["national_id"], address="安置区 3 幢")
    add(client, far, entry["id"], name="欧阳小禾", relation="grandchild")
    answer = client.post(f"{asked(client, village)}/acceptance", by=village)
    assert (answer.status_code, answer.json["state"], answer.json["allowed"]) == (201, "accepted", [])
    whole = client.get(f"/v1/households/{made['id']}", by=far).json
    assert (whole["region"], whole["account_id"], whole["shown"], whole["size"]) == (FAR, account, "village", 3)
    members = client.get(f"/v1/households/{made['id']}/members", by=far).json["items"]
    assert {one["name"] for one in members} == {"欧阳小禾", "王秀英"}
    ended = client.get(f"/v1/households/{entry['id']}", by=far).json
    assert (ended["ended_because"], ended["merged_into"]) == ("merged", made["id"])
    assert client.get(f"/v1/households/{made['id']}", by=village).status_code == 404
    [moved], [end] = of(database, HouseholdMoved), of(database, HouseholdEnded)
    assert (moved.former_region, moved.region, str(end.merged_into)) == (VILLAGE, FAR, made["id"])
    assert client.post("/v1/households", household(national_id=widow, region=FAR), by=far).json["code"] == "household_registered"


def test_refused_transfer_ends_the_entry_without_a_word_of_where(client: Client, database: RolledBack, village: Person) -> None:
    made, far = register(client, village), administrator_of(database, FAR)
    entry = register(client, far, region=FAR, national_id=made["national_id"])
    assert client.post(f"{asked(client, village)}/refusal", by=village).status_code == 201
    shown = client.get(f"/v1/households/{entry['id']}", by=far)
    assert (shown.json["ended_because"], shown.json["merged_into"]) == ("not_confirmed", None)
    assert made["id"] not in shown.text
    assert VILLAGE not in shown.text
    [event] = of(database, HouseholdEnded)
    assert (event.reason, event.merged_into) == ("not_confirmed", None)
    assert client.get(f"/v1/households/{made['id']}", by=village).json == made


def test_transfer_is_decided_once_and_where_the_person_stands(client: Client, database: RolledBack, village: Person) -> None:
    made, far = register(client, village), administrator_of(database, FAR)
    register(client, far, region=FAR, national_id=made["national_id"])
    path = asked(client, village)
    for by in (far, administrator_of(database, "5107"), administrator_of(database, BESIDE)):
        assert client.post(f"{path}/acceptance", by=by).status_code == 404
    assert client.post(f"{path}/refusal", by=village, headers={"If-Match": '"9"'}).json["code"] == "stale"
    assert client.post(f"{path}/refusal", by=village).status_code == 201
    assert client.post(f"{path}/acceptance", by=village).json["code"] == "state_conflict"


def test_member_who_moved_is_handed_over(client: Client, database: RolledBack, village: Person) -> None:
    made, far, number = register(client, village), administrator_of(database, FAR), national_id()
    add(client, village, made["id"], national_id=number)
    entry = register(client, far, region=FAR, national_id=number, name="王秀英")
    transfer = client.post(f"{asked(client, village)}/acceptance", by=village).json
    assert (transfer["household_id"], transfer["member_id"] is None) == (made["id"], False)
    assert client.get(f"/v1/households/{made['id']}/members", by=village).json["items"] == []
    assert client.get(f"/v1/households/{entry['id']}", by=far).json["ended_at"] is None
    assert client.get(f"/v1/households/{made['id']}", by=village).json["ended_at"] is None


def test_transfer_is_void_when_an_entry_ends(client: Client, database: RolledBack, village: Person) -> None:
    made, far = register(client, village), administrator_of(database, FAR)
    entry = register(client, far, region=FAR, national_id=made["national_id"])
    path = asked(client, village)
    assert client.post(f"/v1/households/{entry['id']}/end", {"reason": "error"}, by=far).status_code == 201
    assert client.get(path, by=village).json["state"] == "void"
    assert client.get("/v1/household-transfers", by=village).json["items"] == []
    assert [one["state"] for one in client.get("/v1/household-transfers", by=village, state="void").json["items"]] == ["void"]


def test_head_who_lives_in_another_household_goes_over(client: Client, database: RolledBack, village: Person) -> None:
    made, far = register(client, village), administrator_of(database, FAR)
    add(client, village, made["id"])
    daughters = register(client, far, region=FAR, name="欧阳青")
    assert add(client, far, daughters["id"], name="欧阳守田", relation="parent", national_id=made["national_id"]).status_code == 201
    path = asked(client, village)
    assert client.post(f"{path}/acceptance", by=village).json["code"] == "change_head_first"
    [spouse] = client.get(f"/v1/households/{made['id']}/members", by=village).json["items"]
    client.post(f"/v1/household-members/{spouse['id']}/leaving", {"reason": "died"}, by=village)
    assert client.post(f"{path}/acceptance", by=village).status_code == 201
    [event] = of(database, HouseholdEnded)
    assert (str(event.household_id), event.reason, str(event.merged_into)) == (made["id"], "merged", daughters["id"])
    assert client.get(f"/v1/households/{daughters['id']}", by=far).json["size"] == 2


VOIDING = "        if not {transfer.household_id, transfer.entry_id} <= places:\n"


@pytest.mark.parametrize("look", [VOIDING, unguarded("        if False:\n", "without the look, somebody else's entry gets the household")])
def test_entry_that_changes_its_number_gets_nobody(
    client: Client, database: RolledBack, village: Person, monkeypatch: pytest.MonkeyPatch, look: str
) -> None:
    monkeypatch.setattr(claims, "void_transfers", altered(claims.void_transfers, VOIDING, look))
    made, far = register(client, village), administrator_of(database, FAR)
    entry = register(client, far, region=FAR, national_id=made["national_id"])
    path = asked(client, village)
    assert client.patch(f"/v1/households/{entry['id']}", {"national_id": national_id()}, by=far).status_code == 200
    client.post(f"{path}/acceptance", by=village)
    assert client.get(path, by=village).json["state"] == "void"
    assert client.get(f"/v1/households/{made['id']}", by=village).json["region"] == VILLAGE


def test_ended_household_frees_its_number(client: Client, database: RolledBack, village: Person, town: Person) -> None:
    made = register(client, village)
    answer = client.post(f"/v1/households/{made['id']}/end", {"reason": "moved_away", "note": "全家外迁"}, by=village)
    assert (answer.status_code, answer.json["ended_because"], answer.json["allowed"]) == (201, "moved_away", [])
    [event] = of(database, HouseholdEnded)
    assert (event.reason, event.ended_by, event.version) == ("moved_away", village.id, 2)
    assert client.get("/v1/households", by=village).json["items"] == []
    assert [one["id"] for one in client.get("/v1/households", by=village, ended="true").json["items"]] == [made["id"]]
    assert client.patch(f"/v1/households/{made['id']}", {"name": "别人"}, by=village).json["code"] == "state_conflict"
    assert register(client, town, national_id=made["national_id"], region=BESIDE)["id"] != made["id"]


@pytest.mark.parametrize("reason", ["merged", "not_confirmed", "bored", None])
def test_household_does_not_end_for_another_reason(client: Client, village: Person, reason: str | None) -> None:
    made = register(client, village)
    answer = client.post(f"/v1/households/{made['id']}/end", {"reason": reason} if reason else {}, by=village)
    assert (answer.status_code, answer.json["code"]) == (422, "invalid")


def test_son_splits_off_with_his_family(client: Client, database: RolledBack, village: Person) -> None:
    made = register(client, village, address="一组", size=4)
    son = add(client, village, made["id"], name="欧阳青", relation="child", national_id=national_id("19750607")).json
    wife, widow = (add(client, village, made["id"], name=name, relation="other").json for name in ("何春", "王秀英"))
    body = {"household_id": made["id"], "head_id": son["id"], "member_ids": [wife["id"], son["id"]], "note": "分户"}
    answer = client.post("/v1/households/splits", body, by=village)
    assert answer.status_code == 201, answer.json
    assert (answer.json["name"], answer.json["national_id"], answer.json["size"]) == ("欧阳青", son["national_id"], 2)
    assert [one["id"] for one in client.get(f"/v1/households/{made['id']}/members", by=village).json["items"]] == [widow["id"]]
    [old, new] = of(database, HouseholdRegistered)
    assert (str(old.household_id), str(new.household_id), new.version) == (made["id"], answer.json["id"], 1)
    assert [one["act"] for one in versions(client, village, answer.json["id"])] == ["split_household"]
    assert versions(client, village, made["id"])[0]["reason"] == "split"


def test_split_needs_members_and_a_number(client: Client, database: RolledBack, village: Person) -> None:
    made, other = register(client, village), register(client, village)
    nameless, stranger = add(client, village, made["id"]).json["id"], add(client, village, other["id"]).json["id"]
    bodies = [
        ({"head_id": nameless}, "head_without_number"),
        ({"head_id": stranger}, "unknown_member"),
        ({"head_id": nameless, "member_ids": [stranger]}, "unknown_member"),
    ]
    for body, code in bodies:
        answer = client.post("/v1/households/splits", {"household_id": made["id"]} | body, by=village)
        assert (answer.status_code, answer.json["code"]) == (422, code)
    assert len(of(database, HouseholdRegistered)) == 2


def test_two_households_become_one(client: Client, database: RolledBack, village: Person) -> None:
    number = phone()
    old = register(client, village, phone=number, name="欧阳老伯", address="一组")
    account = me_of(client, sign_up(client, kind="household", phone=number, name="欧阳老伯"))["id"]
    add(client, village, old["id"], name="王秀英")
    into = register(client, village)
    assert client.post(f"/v1/households/{old['id']}/labels", {"label": "marginal"}, by=village).status_code == 201
    answer = client.post("/v1/households/merges", {"household_id": old["id"], "into_id": into["id"]}, by=village)
    assert answer.status_code == 201, answer.json
    stated = {"id": into["id"], "size": 3, "account_id": account, "contact_phone": number, "address": "一组", "status": "monitored"}
    assert stated.items() <= answer.json.items()
    members = client.get(f"/v1/households/{into['id']}/members", by=village).json["items"]
    assert {one["name"] for one in members} == {"欧阳老伯", "王秀英"}
    [event] = of(database, HouseholdEnded)
    assert (str(event.household_id), event.reason, str(event.merged_into)) == (old["id"], "merged", into["id"])
    assert len(client.get(f"/v1/households/{into['id']}/labels", by=village).json["items"]) == 1


def test_only_two_standing_households_of_one_village_merge(client: Client, database: RolledBack, village: Person, town: Person) -> None:
    one, two = register(client, village), register(client, town, region=BESIDE)
    for ended, into, by, code in (
        (one, one, town, "not_one_household"),
        (one, two, town, "not_one_household"),
        (one, two, village, "not_found"),
        (two, one, village, "not_found"),
    ):
        answer = client.post("/v1/households/merges", {"household_id": ended["id"], "into_id": into["id"]}, by=by)
        assert answer.json["code"] == code
    client.post(f"/v1/households/{two['id']}/end", {"reason": "died"}, by=town)
    answer = client.post("/v1/households/merges", {"household_id": one["id"], "into_id": two["id"]}, by=town)
    assert answer.json["code"] == "state_conflict"
    assert len(of(database, HouseholdEnded)) == 1


def test_every_change_is_republished(client: Client, database: RolledBack, village: Person, town: Person) -> None:
    far, country = administrator_of(database, FAR), administrator_of(database, "")
    made, other, third = register(client, village), register(client, village), register(client, village)
    client.patch(f"/v1/households/{made['id']}", {"address": "一组"}, by=village)
    son = add(client, village, made["id"], name="欧阳青", relation="child", national_id=national_id("19750607")).json
    client.post("/v1/households/splits", {"household_id": made["id"], "head_id": son["id"]}, by=village)
    move(client, town, made["id"])
    move(client, country, other["id"], "510703001001")
    client.post(f"/v1/households/{third['id']}/end", {"reason": "died"}, by=village)
    register(client, far, region=FAR, national_id=other["national_id"])
    school = client.post("/v1/institutions", {"kind": "school", "name": "红光小学", "region": VILLAGE}, by=village).json
    clinic = client.post("/v1/institutions", {"kind": "clinic", "name": "红光村卫生室", "region": VILLAGE}, by=village).json
    client.patch(f"/v1/institutions/{school['id']}", {"name": "红光村小学"}, by=village)
    client.post(f"/v1/institutions/{clinic['id']}/end", {"reason": "closed"}, by=village)
    anew = assert_retold(database, SNAPSHOTS, {HouseholdRegistered})
    assert {type(one) for one in anew} >= {HouseholdRegistered, HouseholdChanged, HouseholdMoved, HouseholdEnded}


@pytest.fixture(scope="module")
def committed(database_of: Callable[[str, str], str]) -> Iterator[Database]:
    database = Database(database_of("users", "users_transfers_at_once"), name="tests")
    yield database
    database.close()


def test_acceptance_and_end_at_once_leave_one_outcome(committed: Database, signing: SigningKeys) -> None:
    village, far = administrator_of(committed, VILLAGE), administrator_of(committed, FAR)
    clients = [client_of(committed, signing) for _ in range(2)]
    made = register(clients[0], village)
    entry = register(clients[0], far, region=FAR, national_id=made["national_id"])
    path = asked(clients[0], village)
    acts: list[Callable[[], Any]] = [
        lambda: clients[0].post(f"{path}/acceptance", by=village),
        lambda: clients[1].post(f"/v1/households/{entry['id']}/end", {"reason": "error"}, by=far),
    ]
    held = text("SELECT FROM households WHERE id = :id FOR UPDATE")
    answers = meet_at_lock(committed, held, acts, id=entry["id"])
    assert sorted(answer.status_code for answer in answers) == [201, 409]
    with committed.begin() as session:
        ends = session.scalar(text("SELECT count(*) FROM household_versions WHERE household_id = :id AND version > 1"), {"id": entry["id"]})
    assert ends == 1


def test_two_merges_against_each_other_leave_one_household(committed: Database, signing: SigningKeys) -> None:
    village, clients = administrator_of(committed, VILLAGE), [client_of(committed, signing) for _ in range(2)]
    one, two = (register(clients[0], village)["id"] for _ in range(2))
    acts = [
        lambda client=client, pair=pair: client.post("/v1/households/merges", {"household_id": pair[0], "into_id": pair[1]}, by=village)
        for client, pair in zip(clients, ((one, two), (two, one)), strict=True)
    ]
    held = text("SELECT FROM households WHERE id = ANY(:ids) FOR UPDATE")
    assert sorted(answer.status_code for answer in meet_at_lock(committed, held, acts, ids=[one, two])) == [201, 409]
