"""Collection points: public, written by their administrators; what leads goods elsewhere waits for the level above."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import text

from chassis.data.database import Database
from chassis.testing.fixtures import Client, Person, RolledBack, administrator_of, auditor_of
from chassis.testing.simultaneous import meet_at_lock
from chassis.testing.twins import altered, unguarded
from contracts.users import PlaceChanged, PlaceChangeProposed
from users.places import actions, rules
from users.places.actions import MOST_PLACES

from .conftest import VILLAGE, client_of, pending

TOWN, COUNTY = VILLAGE[:9], VILLAGE[:6]
POINT = {
    "region": VILLAGE,
    "name": "河沙镇便民服务中心",
    "address": "河沙镇新街 12 号",
    "hours": "周一至周五 9:00—17:00",
    "telephone": "0825-2661234",
    "do_not_bring": "旧衣物、药品",
}
ELSEWHERE = {"address": "村口王家院子"}


@pytest.fixture
def county(database: RolledBack) -> Person:
    return administrator_of(database, COUNTY)


def add(client: Client, by: Person | None, **more: Any) -> Any:
    return client.post("/v1/places", POINT | more, by=by)


def change(client: Client, by: Person | None, path: str, seen: str | None = "*", **changes: Any) -> Any:
    return client.patch(path, changes, by=by, seen=seen)


def settle(client: Client, by: Person | None, path: str, proposal_id: str, act: str = "confirmation") -> Any:
    return client.post(f"{path}/{act}", {"proposal_id": proposal_id}, by=by)


def proposed(client: Client, by: Person, path: str, **changes: Any) -> str:
    """Propose a change, and return the id of the proposal."""
    answer = change(client, by, path, **changes or ELSEWHERE)
    assert answer.status_code == 200, answer.json
    identifier: str = answer.json["proposal"]["id"]
    return identifier


def events(database: RolledBack) -> list[Any]:
    return [event for event in pending(database) if isinstance(event, PlaceChanged | PlaceChangeProposed)]


def dismiss(database: RolledBack, person: Person) -> None:
    with database.begin() as session:
        session.execute(text("UPDATE appointments SET ended_at = now() WHERE user_id = :id"), {"id": person.id})


@pytest.fixture
def point(client: Client, village: Person) -> str:
    """The address of a point of the village, the first one, which counts at once."""
    answer = add(client, village)
    assert answer.status_code == 201, answer.json
    location: str = answer.headers["Location"]
    return location


def test_first_point_counts_at_once_and_is_for_everybody(client: Client, database: RolledBack, point: str) -> None:
    [shown] = client.get("/v1/places", region=COUNTY).json["items"]
    assert {name: shown[name] for name in POINT} == POINT
    assert (shown["state"], shown["proposal"], shown["allowed"]) == ("open", None, [])
    assert client.get(point).json == shown
    [event] = events(database)
    assert (event.version, event.state, event.telephone, event.address) == (1, "open", POINT["telephone"], POINT["address"])
    assert client.get("/v1/places", region="510904").json["items"] == []


def test_other_address_counts_once_the_level_above_confirms(
    client: Client, database: RolledBack, village: Person, town: Person, point: str
) -> None:
    proposal = proposed(client, village, point, address="村委会新楼", telephone="0825 2669999", name="村委会")
    assert client.get(point).json["name"] == POINT["name"]
    assert client.get(point).json["address"] == POINT["address"]
    assert client.get(point).json["proposal"] is None
    waiting = client.get(point, by=town).json
    assert (waiting["proposal"]["address"], waiting["proposal"]["telephone"], waiting["proposal"]["stands"]) == (
        "村委会新楼",
        "0825-2669999",
        True,
    )
    assert waiting["allowed"] == ["change_place", "confirm_place", "refuse_place"]
    assert [one["id"] for one in client.get("/v1/places/managed", by=town, waiting="true").json["items"]] == [waiting["id"]]
    answer = settle(client, town, point, proposal)
    assert (answer.status_code, answer.json["address"], answer.json["proposal"]) == (201, "村委会新楼", None)
    assert [client.get(point).json[name] for name in ("telephone", "name")] == ["0825-2669999", "村委会"]
    assert [(type(event), event.version) for event in events(database)] == [
        (PlaceChanged, 1),
        (PlaceChangeProposed, 2),
        (PlaceChanged, 3),
    ]
    assert events(database)[1].region == TOWN


def test_hours_and_state_count_at_once(client: Client, database: RolledBack, village: Person, point: str) -> None:
    assert change(client, village, point, hours="每天 8:00—12:00", do_not_bring="").json["hours"] == "每天 8:00—12:00"
    assert change(client, village, point, state="closed").json["state"] == "closed"
    assert change(client, village, point, state="closed").json["version"] == 3
    assert [event.state for event in events(database)] == ["open", "open", "closed"]


def test_refused_proposal_changes_nothing(client: Client, database: RolledBack, village: Person, town: Person, point: str) -> None:
    answer = settle(client, town, point, proposed(client, village, point), "refusal")
    assert (answer.status_code, answer.json["address"], answer.json["proposal"]) == (201, POINT["address"], None)
    assert client.get(point).json["address"] == POINT["address"]
    assert len([event for event in events(database) if isinstance(event, PlaceChanged)]) == 1


def test_asking_for_what_counts_drops_the_proposal(client: Client, village: Person, point: str) -> None:
    proposed(client, village, point)
    assert change(client, village, point, address=POINT["address"]).json["proposal"] is None


def test_second_point_waits_unseen_for_the_level_above(
    client: Client, database: RolledBack, village: Person, town: Person, point: str
) -> None:
    answer = add(client, village, name="王家院子", address="村口王家院子")
    second = answer.headers["Location"]
    assert (answer.json["state"], answer.json["changed_at"]) == ("waiting", None)
    assert client.get(second).status_code == 404
    assert len(client.get("/v1/places").json["items"]) == 1
    assert change(client, village, second, hours="每天").json["code"] == "state_conflict"
    assert settle(client, town, second, answer.json["proposal"]["id"]).json["state"] == "open"
    assert len(client.get("/v1/places").json["items"]) == 2
    third = add(client, village, name="李家院子")
    assert settle(client, town, third.headers["Location"], third.json["proposal"]["id"], "refusal").json["state"] == "refused"
    assert client.get(third.headers["Location"]).status_code == 404


TURN = "session.execute(select(func.pg_advisory_xact_lock(_REGION, int(region[-9:]))))"


@pytest.mark.parametrize("turn", [TURN, unguarded("pass", "without the lock, each of two points is the first one")])
def test_of_two_first_points_that_meet_one_waits(
    database_of: Callable[[str, str], str], signing: Any, monkeypatch: pytest.MonkeyPatch, turn: str
) -> None:
    monkeypatch.setattr(actions, "add_place", altered(actions.add_place, TURN, turn))
    real = Database(database_of("users", "users_places"), name="places")
    clients, village = [client_of(real, signing) for _ in range(2)], administrator_of(real, VILLAGE)
    acts = [lambda client=client: add(client, village) for client in clients]
    answers = meet_at_lock(real, text("LOCK TABLE places IN SHARE MODE"), acts)
    real.close()
    assert sorted(answer.json["state"] for answer in answers) == ["open", "waiting"]


def test_closing_one_point_and_adding_another_is_no_way_round(client: Client, village: Person, county: Person, point: str) -> None:
    assert add(client, county, region=COUNTY).json["state"] == "open"
    assert change(client, village, point, state="closed").status_code == 200
    assert add(client, village, **ELSEWHERE).json["state"] == "waiting"
    assert proposed(client, village, point)
    assert change(client, village, point, state="open").json["address"] == POINT["address"]


@pytest.mark.parametrize("is_guarded", [True, unguarded(False, "without the proposal's id, whoever confirms one confirms another")])
def test_replaced_proposal_is_not_confirmed(
    client: Client, monkeypatch: pytest.MonkeyPatch, village: Person, town: Person, point: str, is_guarded: bool
) -> None:
    if not is_guarded:
        unchecked = altered(actions.confirm_place, "place.proposal_id != proposal_id", "False")
        monkeypatch.setattr(actions, "confirm_place", unchecked)
    first = proposed(client, village, point, address="村委会新楼")
    second = proposed(client, village, point)
    assert first != second
    assert settle(client, town, point, first).json.get("code") == "proposal_replaced"
    assert client.get(point).json["address"] == POINT["address"]
    assert settle(client, town, point, first, "refusal").json["code"] == "proposal_replaced"
    assert settle(client, town, point, second).json["address"] == ELSEWHERE["address"]


@pytest.mark.parametrize("is_guarded", [True, unguarded(False, "without the look at offices, a dismissed person's wish is granted")])
def test_proposal_of_a_dismissed_administrator_is_void(
    client: Client, database: RolledBack, monkeypatch: pytest.MonkeyPatch, village: Person, town: Person, point: str, is_guarded: bool
) -> None:
    if not is_guarded:
        unchecked = altered(rules.find_place_problem, 'act == "confirm_place" and not proposer_stands', "False")
        monkeypatch.setattr(rules, "find_place_problem", unchecked)
    proposal = proposed(client, village, point)
    dismiss(database, village)
    assert change(client, village, point, hours="每天").status_code in {401, 403}
    assert settle(client, town, point, proposal).json.get("code") == "proposer_left"
    assert "confirm_place" not in client.get(point, by=town).json["allowed"]
    assert settle(client, town, point, proposal, "refusal").status_code == 201


@pytest.mark.parametrize("is_guarded", [True, unguarded(False, "without a second pair of eyes, a county redirects its villages' goods")])
def test_nobody_confirms_what_they_proposed(
    client: Client, monkeypatch: pytest.MonkeyPatch, county: Person, point: str, is_guarded: bool
) -> None:
    if not is_guarded:
        unchecked = altered(rules.find_place_problem, 'act == "confirm_place" and place.proposed_by == caller.id', "False")
        monkeypatch.setattr(rules, "find_place_problem", unchecked)
    assert settle(client, county, point, proposed(client, county, point)).json.get("code") == "own_proposal"


def test_level_of_the_point_confirms_nothing(client: Client, database: RolledBack, village: Person, point: str) -> None:
    proposal = proposed(client, village, point)
    for person in (administrator_of(database, VILLAGE), auditor_of(database, COUNTY), Person("donor")):
        assert settle(client, person, point, proposal).json["code"] == "not_allowed"
    for region in ("510903002", "510904", "5107"):
        assert settle(client, administrator_of(database, region), point, proposal).status_code == 403
    assert settle(client, administrator_of(database, "51"), point, proposal).status_code == 201


def test_only_administrators_of_the_region_write(client: Client, database: RolledBack, village: Person, town: Person, point: str) -> None:
    for person, status in ((None, 401), (Person("household"), 403), (Person("donor"), 403), (auditor_of(database, "51"), 403)):
        assert add(client, person).status_code == status
        assert change(client, person, point, hours="每天").status_code == status
    assert add(client, village, region=TOWN).json["code"] == "outside_region"
    assert add(client, administrator_of(database, "5107")).json["code"] == "outside_region"
    assert change(client, administrator_of(database, "5107"), point, hours="每天").status_code == 403
    assert add(client, town, region=TOWN).status_code == 201
    assert add(client, town, region=VILLAGE[:4]).status_code == 422


def test_change_needs_the_version_that_was_seen(client: Client, village: Person, point: str) -> None:
    assert change(client, village, point, None, hours="每天").status_code == 428
    assert change(client, village, point, '"9"', hours="每天").status_code == 412
    assert change(client, village, point, '"1"', hours="每天").status_code == 200
    assert change(client, village, point, '"1"', **ELSEWHERE).status_code == 412


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("0825-2661234", "0825-2661234"),
        ("（0825）2661234", "0825-2661234"),
        ("010 6552 9988", "010-65529988"),
        ("400 810 8888", "400-810-8888"),
        ("138-0000-1234", "13800001234"),
        (None, None),
    ],
)
def test_telephone_is_kept_as_people_write_it(client: Client, village: Person, written: str | None, kept: str | None) -> None:
    assert add(client, village, telephone=written).json["telephone"] == kept


@pytest.mark.parametrize("telephone", ["2661234", "12345", "电话", "", "+1 202 555 0100", "0825-266"])
def test_wrong_telephone_is_refused(client: Client, village: Person, telephone: str) -> None:
    answer = add(client, village, telephone=telephone)
    assert (answer.status_code, answer.json["errors"][0]["pointer"]) == (422, "#/telephone")


@pytest.mark.parametrize(
    "more",
    [{"hours": "送到王家，13800001234"}, {"do_not_bring": "联系 138 0000 1234"}, {"name": "王家13800001234"}, {"address": "打08252661234"}],
)
def test_telephone_in_another_text_is_refused(client: Client, village: Person, point: str, more: dict[str, str]) -> None:
    for answer in (add(client, village, **more), change(client, village, point, **more)):
        assert [error["code"] for error in answer.json["errors"]] == ["phone_in_text"]


def test_region_has_a_limited_number_of_points(client: Client, village: Person, point: str) -> None:
    for _ in range(MOST_PLACES - 1):
        assert add(client, village).status_code == 201
    assert add(client, village).json["code"] == "too_many_places"


def test_list_goes_along_the_regions_page_by_page(client: Client, database: RolledBack, county: Person) -> None:
    codes = [f"{TOWN}00{number}" for number in (3, 1, 2)] + [TOWN]
    for code in codes:
        assert add(client, county, region=code).status_code == 201
    first = client.get("/v1/places", region=COUNTY, limit=3).json
    rest = client.get("/v1/places", region=COUNTY, limit=3, cursor=first["next"]).json
    assert [one["region"] for one in first["items"] + rest["items"]] == sorted(codes)
    assert rest["next"] is None
    assert client.get("/v1/places", cursor="AAAAAAAAAAAAAAAAAAAAAA").json == {"items": [], "next": None}
