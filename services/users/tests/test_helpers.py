"""Helpers of the five ones: assigned to villages and households, handed over, released, seen by their households."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import text

from chassis.data.database import Database, new_id
from chassis.testing.fixtures import Client, Person, RolledBack, administrator_of, auditor_of
from chassis.testing.simultaneous import meet_at_lock
from chassis.testing.twins import altered, unguarded
from contracts.users import HelperAssigned, HelperReleased, OfficialRegistered, UserRegistered
from users.helpers import actions

from .conftest import VILLAGE, client_of, household, pending, person_of

BESIDE = "510903001002"


@pytest.fixture
def secretary(client: Client) -> Person:
    return person_of(client, kind="cadre", name="杜若衡")


def wanted(person: Person, **more: Any) -> dict[str, Any]:
    stated = {"account_id": str(person.id), "role": "first_secretary", "unit": "蓬溪县农业农村局", "post": "副局长", "region": VILLAGE}
    return {name: value for name, value in (stated | more).items() if value is not None}


def assign(client: Client, by: Person, person: Person, **more: Any) -> Any:
    return client.post("/v1/helpers", wanted(person, **more), by=by)


def events(database: RolledBack) -> list[Any]:
    return [event for event in pending(database) if isinstance(event, HelperAssigned | HelperReleased)]


def with_account(client: Client, database: RolledBack, village: Person) -> tuple[str, Person]:
    """Register a household; return its id and a person who has its account."""
    made = client.post("/v1/households", household(), by=village).json["id"]
    person = Person("household")
    with database.begin() as session:
        copied = "SELECT :id, 1, 'household', '', :id\\:\\:text\\:\\:bytea, '', '', 'active', now()"
        columns = "id, version, kind, phone, phone_fingerprint, name, region, state, registered_at"
        session.execute(text(f"INSERT INTO accounts ({columns}) {copied}"), {"id": person.id})
        session.execute(text("UPDATE households SET account_id = :id WHERE id = :made"), {"id": person.id, "made": made})
    return made, person


def test_cadre_and_work_unit_register_by_an_event_of_their_own(client: Client, database: RolledBack) -> None:
    for kind in ("cadre", "work_unit", "donor"):
        person = person_of(client, kind=kind)
        assert client.get("/v1/me", by=person).json["kind"] == kind
    registered = [event for event in pending(database) if isinstance(event, OfficialRegistered | UserRegistered)]
    assert [(type(event), event.kind) for event in registered] == [
        (OfficialRegistered, "cadre"),
        (OfficialRegistered, "work_unit"),
        (UserRegistered, "donor"),
    ]


def test_helper_is_assigned_and_published(client: Client, database: RolledBack, town: Person, secretary: Person) -> None:
    answer = assign(client, town, secretary)
    assert answer.status_code == 201, answer.json
    assert (answer.json["name"], answer.json["unit"], answer.json["allowed"]) == ("杜若衡", "蓬溪县农业农村局", ["release_helper"])
    [event] = events(database)
    assert (str(event.user_id), event.role, event.region, event.household_id) == (secretary.id, "first_secretary", VILLAGE, None)
    assert client.get("/v1/helpers", by=town).json["items"] == [answer.json]
    assert [one["id"] for one in client.get("/v1/helpers/mine", by=secretary).json["items"]] == [answer.json["id"]]
    assert assign(client, town, secretary).json["code"] == "already_helper"


def test_household_sees_its_helpers_and_those_of_its_village(
    client: Client, database: RolledBack, town: Person, village: Person, secretary: Person
) -> None:
    ours, owner = with_account(client, database, village)
    other = client.post("/v1/households", household(), by=village).json["id"]
    whole, own = (assign(client, town, secretary, household_id=one).json["id"] for one in (None, ours))
    hidden = assign(client, town, secretary, household_id=other).json["id"]
    assert {one["id"] for one in client.get("/v1/me/helpers", by=owner).json["items"]} == {whole, own}
    assert client.get(f"/v1/helpers/{own}", by=owner).json["allowed"] == []
    assert client.get(f"/v1/helpers/{hidden}", by=owner).status_code == 404


def test_helper_is_assigned_in_managed_regions_only(client: Client, database: RolledBack, town: Person, secretary: Person) -> None:
    assert assign(client, town, secretary, region="510904001001").status_code in {403, 422}
    assert assign(client, administrator_of(database, "5107"), secretary).json["code"] == "outside_region"
    assert assign(client, auditor_of(database, "51"), secretary).status_code == 403
    assert assign(client, secretary, secretary).status_code == 403
    assert events(database) == []


@pytest.mark.parametrize("more", [{"household_id": str(new_id())}, {"account_id": str(new_id())}, {"role": "uncle"}, {"unit": ""}])
def test_helper_of_nothing_is_refused(client: Client, database: RolledBack, town: Person, secretary: Person, more: Any) -> None:
    assert assign(client, town, secretary, **more).status_code == 422
    assert events(database) == []


def test_ended_household_gets_no_helper(client: Client, village: Person, town: Person, secretary: Person) -> None:
    ended = client.post("/v1/households", household(), by=village).json["id"]
    assert client.post(f"/v1/households/{ended}/end", {"reason": "moved_away"}, by=village).status_code == 201
    assert assign(client, town, secretary, household_id=ended).json["code"] == "unknown_household"


def test_giver_of_society_is_no_helper(client: Client, town: Person) -> None:
    assert assign(client, town, person_of(client)).json["code"] == "unknown_helper"


def test_release_ends_an_assignment_once(client: Client, database: RolledBack, town: Person, secretary: Person) -> None:
    path = assign(client, town, secretary).headers["Location"]
    assert client.post(f"{path}/release", by=secretary).status_code == 403
    assert client.post(f"{path}/release", by=administrator_of(database, BESIDE)).status_code == 404
    answer = client.post(f"{path}/release", by=town)
    assert (answer.status_code, answer.json["version"], answer.json["allowed"]) == (201, 2, [])
    again = client.post(f"{path}/release", by=town)
    assert (again.json["code"], again.json["title"]) == ("state_conflict", "情况已有变化，不能这样操作，请刷新后查看")
    assert [type(event) for event in events(database)] == [HelperAssigned, HelperReleased]
    assert client.get("/v1/helpers", by=town).json["items"] == []
    assert len(client.get("/v1/helpers", by=town, released="true").json["items"]) == 1


def test_all_assignments_of_a_region_are_handed_over(client: Client, database: RolledBack, secretary: Person, village: Person) -> None:
    county = administrator_of(database, "510903")
    ours = client.post("/v1/households", household(), by=village).json["id"]
    assign(client, county, secretary)
    assign(client, county, secretary, household_id=ours)
    successor = person_of(client, kind="cadre", name="韩行远")
    assign(client, county, successor)
    body = {"helper_id": str(secretary.id), "account_id": successor.id, "unit": "蓬溪县财政局", "post": "科长", "region": "510903"}
    assert client.post("/v1/helpers/handover", body, by=administrator_of(database, "5107")).status_code == 403
    answer = client.post("/v1/helpers/handover", body, by=county)
    assert [(one["name"], one["unit"], one["household_id"]) for one in answer.json["items"]] == [("韩行远", "蓬溪县财政局", ours)]
    assert client.get("/v1/helpers/mine", by=secretary).json["items"] == []
    assert len(client.get("/v1/helpers/mine", by=successor).json["items"]) == 2
    assert {str(event.successor_id) for event in events(database) if isinstance(event, HelperReleased)} == {successor.id}
    assert client.post("/v1/helpers/handover", body, by=county).json["code"] == "nothing_to_hand_over"
    assert client.post("/v1/helpers/handover", body | {"account_id": str(secretary.id)}, by=county).json["code"] == "same_helper"


LOCK = ", lock=True"


@pytest.mark.parametrize("lock", [LOCK, unguarded("", "without the lock, both releases read an assignment that stands")])
def test_of_two_releases_that_meet_one_counts(
    database_of: Callable[[str, str], str], signing: Any, monkeypatch: pytest.MonkeyPatch, lock: str
) -> None:
    monkeypatch.setattr(actions, "release_helper", altered(actions.release_helper, LOCK, lock))
    real = Database(database_of("users", "users_releases"), name="releases")
    clients = [client_of(real, signing) for _ in range(2)]
    town = administrator_of(real, VILLAGE[:9])
    path = assign(clients[0], town, person_of(clients[0], kind="cadre")).headers["Location"]
    acts = [lambda client=client: client.post(f"{path}/release", by=town) for client in clients]
    answers = meet_at_lock(real, text("SELECT FROM helper_assignments FOR UPDATE"), acts)
    real.close()
    assert sorted(answer.status_code for answer in answers) == [201, 409]
