"""Finding households by name, pinyin and number; telling them apart; looks at masked ones."""

from typing import Any

import pytest
from sqlalchemy import text

from chassis.http.auth import Caller
from chassis.testing.fixtures import Client, Person, RolledBack, administrator_of, auditor_of
from chassis.testing.twins import unguarded
from users.finding import queries
from users.pinyin import matches

from .conftest import VILLAGE, national_id, phone
from .test_members import add
from .test_register import register

BESIDE = f"{VILLAGE[:9]}002"


def search(client: Client, by: Person, **wanted: Any) -> Any:
    answer = client.post("/v1/households/search", wanted, by=by)
    assert answer.status_code == 200, answer.json
    return answer.json["items"]


@pytest.mark.parametrize(
    "typed",
    [
        "黄守田",
        "守田",
        "huangshoutian",
        "Huang Shoutian",
        "huang",
        "shoutian",
        "hst",
        "hsht",
        "huangst",
        "黄st",
        "huángshǒutián",
        "huangsh",
        "h",
        "田",
    ],
)
def test_name_is_found_by_characters_pinyin_and_initials(typed: str) -> None:
    assert matches("黄守田", typed)


@pytest.mark.parametrize("typed", ["黄天", "huanghu", "hs t x", "ht", "uang", "", " ", "honghst"])
def test_other_names_are_not_found(typed: str) -> None:
    assert not matches("黄守田", typed)


@pytest.mark.parametrize(
    ("name", "typed"),
    [
        ("单志强", "shanzhiqiang"), ("曾庆红", "zengqinghong"), ("仇大山", "qiu"), ("解小东", "xiexiaodong"), 
        ("查良", "zhaliang"),
        ("吕布", "lvbu"), ("吕布", "lübu"), ("吕布", "lǚbù"), ("吕布", "lb"), ("欧阳守田", "ouyang"), ("阿依古丽·买买提", "ayiguli"),
        ("阿依古丽·买买提", "ygl"),
        ("阿依古丽·买买提", "古丽买买提"), ("Ana 王", "ana"), ("卫𠮷", "卫𠮷"), ("卫𠮷", "wei"), ("西安平", "xianping"),
        ("乐天", "yuetian"),
    ],
)  # fmt: skip
def test_surnames_and_names_of_all_peoples_are_found(name: str, typed: str) -> None:
    assert matches(name, typed)


def test_cadre_finds_a_household_by_pinyin_in_the_township(client: Client, village: Person, town: Person) -> None:
    first = register(client, village, name="黄守田", address="一组", phone=phone())
    second = register(client, village, name="黄秀英", address="二组")
    register(client, village, name="王守田")
    [found] = search(client, village, name="huangst", region=VILLAGE)
    assert found == first
    both = search(client, village, name="huang", region=VILLAGE[:9])
    assert [one["name"] for one in both] == ["黄守田", "黄秀英"]
    masked = search(client, town, name="huang", region=VILLAGE[:9])
    assert [one["name"] for one in masked] == ["黄**", "黄**"]
    assert masked[0]["national_id"] != masked[1]["national_id"]
    assert [one["id"] for one in masked] == [first["id"], second["id"]]


def test_cadre_tells_two_households_of_one_surname_apart(client: Client, village: Person, town: Person) -> None:
    """Masked names and numbers are alike; year of birth, village, size and a look for a reason tell them apart."""
    young, old = (national_id(born) for born in ("19750607", "19480312"))
    first, second = (register(client, village, name="黄守田", national_id=number, size=size) for number, size in ((young, 5), (old, 2)))
    found = {one["id"]: one for one in search(client, town, name="黄", region=VILLAGE[:9])}
    assert {one["name"] for one in found.values()} == {"黄**"}
    shown = [(found[one["id"]]["birth_year"], found[one["id"]]["size"], found[one["id"]]["region"]) for one in (first, second)]
    assert shown == [(1975, 5, VILLAGE), (1948, 2, VILLAGE)]
    whole = {one["id"]: one["national_id"] for one in search(client, village, name="黄守田", region=VILLAGE)}
    assert whole == {first["id"]: young, second["id"]: old}


def test_household_is_found_by_a_member(client: Client, village: Person) -> None:
    made, number = register(client, village, name="黄守田"), national_id()
    add(client, village, made["id"], national_id=number, name="苟春燕")
    assert [one["id"] for one in search(client, village, name="gcy", region=VILLAGE)] == [made["id"]]
    assert [one["id"] for one in search(client, village, national_id=number)] == [made["id"]]


def test_number_finds_within_the_callers_regions_alone(client: Client, database: RolledBack, village: Person) -> None:
    made = register(client, village)
    county, far = administrator_of(database, VILLAGE[:6]), administrator_of(database, "5107")
    assert [one["id"] for one in search(client, county, national_id=made["national_id"])] == [made["id"]]
    assert search(client, far, national_id=made["national_id"]) == search(client, far, national_id=national_id()) == []
    assert search(client, county, national_id=national_id()) == []


@pytest.mark.parametrize(
    ("wanted", "code"),
    [
        ({"name": "huang", "region": VILLAGE[:6]}, "invalid"),
        ({"name": "huang"}, "invalid"),
        ({}, "invalid"),
        ({"name": "huang", "region": VILLAGE, "national_id": national_id()}, "invalid"),
        ({"national_id": "510922194803120011"}, "invalid"),
    ],
)
def test_search_of_too_much_is_refused(client: Client, database: RolledBack, wanted: dict[str, Any], code: str) -> None:
    answer = client.post("/v1/households/search", wanted, by=administrator_of(database, VILLAGE[:6]))
    assert (answer.status_code, answer.json["code"]) == (422, code)


@pytest.mark.parametrize("guard", [None, unguarded(True, "without regions, names of every township are searched")])
def test_names_of_other_regions_are_not_searched(
    client: Client, database: RolledBack, village: Person, monkeypatch: pytest.MonkeyPatch, guard: Any
) -> None:
    register(client, village, name="黄守田")
    if guard:
        monkeypatch.setattr(Caller, "reads", lambda *_: True)
        monkeypatch.setattr(Caller, "within", lambda self, column: column.is_not(None))
    for by in (administrator_of(database, BESIDE), administrator_of(database, "5107"), Person("staff")):
        answer = client.post("/v1/households/search", {"name": "huang", "region": VILLAGE}, by=by)
        assert (answer.status_code, answer.json.get("code")) == (403, "outside_region")
    for by in (Person("donor"), auditor_of(database, VILLAGE[:6])):
        assert client.post("/v1/households/search", {"name": "huang", "region": VILLAGE}, by=by).status_code == 403


def test_village_administrator_searches_their_own_village(client: Client, village: Person, town: Person) -> None:
    register(client, town, name="黄秀英", region=BESIDE)
    made = register(client, village, name="黄守田")
    answer = client.post("/v1/households/search", {"name": "huang", "region": VILLAGE[:9]}, by=village)
    assert (answer.status_code, [one["id"] for one in answer.json["items"]]) == (200, [made["id"]])


def test_search_opens_a_bounded_number_of_rows(client: Client, village: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queries, "MOST_OPENED", 2)
    for name in ("黄守田", "黄秀英"):
        register(client, village, name=name)
    assert len(search(client, village, name="huang", region=VILLAGE)) == 2
    register(client, village)
    answer = client.post("/v1/households/search", {"name": "huang", "region": VILLAGE}, by=village)
    assert (answer.status_code, answer.json["code"]) == (422, "too_many_to_search")


def test_search_says_that_there_are_more(client: Client, village: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = {"name": "huang", "region": VILLAGE}
    register(client, village, name="黄守田")
    assert client.post("/v1/households/search", wanted, by=village).json["more"] is False
    register(client, village, name="黄秀英")
    monkeypatch.setattr(queries, "MOST_FOUND", 1)
    answer = client.post("/v1/households/search", wanted, by=village).json
    assert (len(answer["items"]), answer["more"]) == (1, True)


def test_ended_households_are_not_found(client: Client, village: Person) -> None:
    made = register(client, village, name="黄守田")
    assert client.post(f"/v1/households/{made['id']}/end", {"reason": "died"}, by=village).status_code == 201
    assert search(client, village, name="huang", region=VILLAGE) == []
    assert search(client, village, national_id=made["national_id"]) == []


def entries(database: RolledBack, act: str) -> list[Any]:
    query = "SELECT actor_id, subject_id, person_id, region FROM audit.entries WHERE act = :act ORDER BY id"
    return [tuple(map(str, row)) for row in database.found(text(query), act=act)]


def test_whole_reads_and_searches_are_recorded(client: Client, database: RolledBack, village: Person, town: Person) -> None:
    made = register(client, village, name="黄守田")
    recorded = [(str(village.id), made["id"], made["id"], VILLAGE)]
    client.get(f"/v1/households/{made['id']}", by=town)
    assert entries(database, "get_household") == []
    client.get(f"/v1/households/{made['id']}", by=village)
    client.get("/v1/households", by=village)
    assert entries(database, "get_household") == entries(database, "list_households") == recorded
    search(client, town, name="huang", region=VILLAGE)
    assert entries(database, "search_households") == [(str(town.id), *recorded[0][1:])]


def test_township_sees_a_household_whole_for_a_reason(client: Client, database: RolledBack, village: Person, town: Person) -> None:
    made = register(client, village, name="黄守田", address="一组", phone=phone())
    assert "reveal_household" in client.get(f"/v1/households/{made['id']}", by=town).json["allowed"]
    look = {"purpose": "delivery", "reason": "送棉被，需核对住址"}
    answer = client.post(f"/v1/households/{made['id']}/reveal", look, by=town)
    assert answer.status_code == 201, answer.json
    assert {name: answer.json[name] for name in ("name", "national_id", "address", "contact_phone")} == {
        name: made[name] for name in ("name", "national_id", "address", "contact_phone")
    }
    assert entries(database, "reveal_household") == [(str(town.id), made["id"], made["id"], VILLAGE)]
    [recorded] = client.get(f"/v1/households/{made['id']}/reveals", by=village).json["items"]
    assert (recorded["revealed_by"], recorded["purpose"], recorded["reason"]) == (str(town.id), "delivery", "送棉被，需核对住址")
    assert client.get(f"/v1/households/{made['id']}", by=town).json["name"] == "黄**"


@pytest.mark.parametrize("look", [{}, {"purpose": "visit"}, {"reason": "入户核实"}, {"purpose": "curiosity", "reason": "看看"}])
def test_look_without_purpose_or_reason_is_refused(client: Client, village: Person, town: Person, look: dict[str, Any]) -> None:
    made = register(client, village)
    assert client.post(f"/v1/households/{made['id']}/reveal", look, by=town).status_code == 422
    assert client.get(f"/v1/households/{made['id']}/reveals", by=village).json["items"] == []


def test_nobody_else_looks_at_a_household(client: Client, database: RolledBack, village: Person) -> None:
    made, look = register(client, village), {"purpose": "visit", "reason": "入户核实"}
    path = f"/v1/households/{made['id']}/reveal"
    assert client.post(path, look, by=administrator_of(database, "5107")).status_code == 404
    assert client.post(path, look, by=auditor_of(database, "51")).status_code == 403
    assert client.post(path, look, by=village).json["code"] == "not_allowed"
    assert client.post(path, look).status_code == 401
