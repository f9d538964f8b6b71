"""Appointments of administrators: never wider than the region of the appointer."""

from typing import Any

import pytest
from sqlalchemy import text

from chassis.data.database import new_id
from chassis.testing.fixtures import Client, Person, RolledBack, administrator_of
from contracts.users import AdministratorAppointed, AdministratorDismissed

from .conftest import VILLAGE, pending, person_of, phone


@pytest.fixture
def person(client: Client) -> Person:
    return person_of(client, kind="staff", name="杜若衡")


def name(client: Client, by: Person | None, person: Person, region: str, **more: Any) -> Any:
    """Offer somebody an office."""
    return client.post("/v1/appointments", {"account_id": str(person.id), "region": region}, by=by, **more)


def appoint(client: Client, by: Person | None, person: Person, region: str) -> Any:
    """Offer somebody an office, which they confirm."""
    offered = name(client, by, person, region)
    return client.post(f"{offered.headers['Location']}/confirmation", by=person) if offered.status_code == 201 else offered


def appointment_events(database: RolledBack) -> list[object]:
    return [event for event in pending(database) if isinstance(event, AdministratorAppointed | AdministratorDismissed)]


def test_an_appointment_takes_effect_and_is_published(client: Client, database: RolledBack, town: Person, person: Person) -> None:
    answer = appoint(client, town, person, VILLAGE)
    assert answer.status_code == 201, answer.json
    assert (answer.json["state"], answer.json["name"], answer.json["version"]) == ("active", "杜若衡", 2)
    assert answer.headers["Location"] == f"/v1/appointments/{answer.json['id']}"
    [event] = appointment_events(database)
    assert isinstance(event, AdministratorAppointed)
    assert (str(event.appointment_id), str(event.user_id)) == (answer.json["id"], person.id)
    assert (event.region, event.appointed_by, event.version) == (VILLAGE, town.id, 2)
    assert client.get("/v1/me", by=person).json["regions"] == [VILLAGE]


def test_the_person_to_appoint_may_be_named_by_phone(client: Client, town: Person) -> None:
    number = phone()
    person = person_of(client, kind="staff", phone=number)
    answer = client.post("/v1/appointments", {"phone": number, "region": VILLAGE}, by=town)
    assert (answer.status_code, answer.json["account_id"]) == (201, person.id)


@pytest.mark.parametrize("region", ["510903001", "510903001001"])
def test_an_administrator_appoints_in_the_own_region_and_below(client: Client, town: Person, person: Person, region: str) -> None:
    assert appoint(client, town, person, region).status_code == 201


@pytest.mark.parametrize("region", ["51", "5109", "510903", "510903002", "510904", "5107"])
def test_an_administrator_appoints_neither_wider_nor_beside(client: Client, town: Person, person: Person, region: str) -> None:
    answer = appoint(client, town, person, region)
    assert (answer.status_code, answer.json["code"]) == (403, "outside_region")


def test_an_appointed_person_appoints_in_turn_but_no_wider(client: Client, database: RolledBack, person: Person) -> None:
    appoint(client, administrator_of(database, ""), person, "510903")
    second = person_of(client, kind="staff")
    assert appoint(client, person, second, "5109").status_code == 403
    assert appoint(client, person, second, VILLAGE).status_code == 201
    third = person_of(client, kind="staff")
    assert appoint(client, second, third, VILLAGE[:9]).status_code == 403


def test_a_second_appointment_to_the_same_region_is_refused(client: Client, town: Person, person: Person) -> None:
    path = appoint(client, town, person, VILLAGE).headers["Location"]
    answer = appoint(client, town, person, VILLAGE)
    assert (answer.status_code, answer.json["code"]) == (409, "already_appointed")
    client.post(f"{path}/dismissal", by=town)
    assert appoint(client, town, person, VILLAGE).status_code == 201


def test_nobody_appoints_themselves(client: Client, database: RolledBack, person: Person) -> None:
    appoint(client, administrator_of(database, "51"), person, "510903")
    answer = appoint(client, person, person, VILLAGE)
    assert (answer.status_code, answer.json["code"]) == (403, "own_appointment")


def test_only_staff_accounts_are_appointed(client: Client, town: Person) -> None:
    for person in (person_of(client), Person("staff")):
        answer = appoint(client, town, person, VILLAGE)
        assert (answer.status_code, answer.json["code"]) == (422, "unknown_administrator")
    answer = client.post("/v1/appointments", {"phone": phone(), "region": VILLAGE}, by=town)
    assert (answer.status_code, answer.json["code"]) == (422, "unknown_administrator")


@pytest.mark.parametrize(
    "body",
    [
        {"region": VILLAGE},
        {"region": VILLAGE, "phone": "13800001234", "account_id": "0192f0c1-7a00-7000-8000-000000000000"},
        {"region": "", "phone": "13800001234"},
        {"region": "5199", "phone": "13800001234"},
        {"region": VILLAGE, "phone": "nobody"},
        {"region": VILLAGE, "account_id": 7},
        {"phone": "13800001234"},
    ],
)
def test_a_malformed_appointment_is_refused(client: Client, database: RolledBack, body: dict[str, Any]) -> None:
    answer = client.post("/v1/appointments", body, by=administrator_of(database, ""))
    assert (answer.status_code, answer.json["code"]) == (422, "invalid")


@pytest.mark.parametrize(("kind", "status"), [("donor", 403), ("household", 403), (None, 401)])
def test_only_administrators_appoint_and_see_appointments(client: Client, person: Person, kind: str | None, status: int) -> None:
    somebody = Person(kind) if kind else None
    assert appoint(client, somebody, person, VILLAGE).status_code == status
    assert client.get("/v1/appointments", by=somebody).status_code == status


def test_staff_without_regions_neither_appoint_nor_see(client: Client, town: Person, person: Person) -> None:
    path = appoint(client, town, person, VILLAGE).headers["Location"]
    nobody = person_of(client, kind="staff")
    assert appoint(client, nobody, person, VILLAGE).status_code == 403
    assert client.get("/v1/appointments", by=nobody).json["items"] == []
    assert client.get(path, by=nobody).status_code == 404


def test_the_list_holds_the_caller_s_regions(client: Client, database: RolledBack, town: Person, person: Person) -> None:
    wider = person_of(client, kind="staff")
    appoint(client, administrator_of(database, "51"), wider, "5109")
    made = appoint(client, town, person, VILLAGE).json
    assert [one["id"] for one in client.get("/v1/appointments", by=town).json["items"]] == [made["id"]]
    assert client.get("/v1/appointments", by=town, region="510904").json["items"] == []
    assert client.get("/v1/appointments", by=town, region=VILLAGE).json["items"] == [made]
    assert client.get("/v1/appointments", by=administrator_of(database, "5107")).json["items"] == []
    assert client.get(f"/v1/appointments/{made['id']}", by=person).json == made


def test_a_dismissal_takes_effect_and_is_published(client: Client, database: RolledBack, town: Person, person: Person) -> None:
    path = appoint(client, town, person, VILLAGE).headers["Location"]
    answer = client.post(f"{path}/dismissal", by=town)
    assert (answer.status_code, answer.json["state"], answer.json["version"]) == (201, "dismissed", 3)
    event = appointment_events(database)[-1]
    assert isinstance(event, AdministratorDismissed)
    assert (event.version, event.dismissed_by, str(event.user_id)) == (3, town.id, person.id)
    assert client.get("/v1/me", by=person).json["regions"] == []
    assert client.get("/v1/appointments", by=town).json["items"] == []
    assert client.get("/v1/appointments", by=town, state="dismissed").json["items"] == [
        {name: value for name, value in answer.json.items() if name != "appointees"}
    ]
    again = client.post(f"{path}/dismissal", by=town)
    assert (again.status_code, again.json["code"]) == (409, "state_conflict")


def test_a_manager_of_a_wider_region_dismisses_anyone(client: Client, database: RolledBack, town: Person, person: Person) -> None:
    path = appoint(client, town, person, VILLAGE).headers["Location"]
    assert client.post(f"{path}/dismissal", by=administrator_of(database, "5109")).status_code == 201


def test_a_manager_of_the_same_region_dismisses_own_appointees(client: Client, database: RolledBack, town: Person, person: Person) -> None:
    path = appoint(client, town, person, VILLAGE[:9]).headers["Location"]
    equal = administrator_of(database, VILLAGE[:9])
    answer = client.post(f"{path}/dismissal", by=equal)
    assert (answer.status_code, answer.json["code"]) == (403, "not_allowed")
    assert client.post(f"{path}/dismissal", by=town).status_code == 201


def test_an_administrator_may_resign(client: Client, town: Person, person: Person) -> None:
    path = appoint(client, town, person, VILLAGE).headers["Location"]
    assert client.post(f"{path}/dismissal", by=person).json["dismissed_by"] == person.id


def test_managers_below_or_beside_cannot_dismiss(client: Client, database: RolledBack, town: Person, person: Person) -> None:
    path = appoint(client, town, person, VILLAGE[:9]).headers["Location"]
    for region in (VILLAGE, "5107", "510903002"):
        assert client.post(f"{path}/dismissal", by=administrator_of(database, region)).status_code == 404
    assert client.post(f"/v1/appointments/{new_id()}/dismissal", by=town).status_code == 404


def test_appointments_pass_to_whoever_dismisses_their_maker(client: Client, database: RolledBack, person: Person) -> None:
    province = administrator_of(database, "51")
    path = appoint(client, province, person, "510903").headers["Location"]
    second = person_of(client, kind="staff")
    below = appoint(client, person, second, VILLAGE).headers["Location"]
    answer = client.post(f"{path}/dismissal", {"reason": "moved"}, by=province).json
    assert [(one["id"], one["state"]) for one in answer["appointees"]] == [(below[-36:], "active")]
    assert client.get("/v1/me", by=second).json["regions"] == [VILLAGE]
    assert client.post(f"{below}/dismissal", by=person).status_code == 404
    passed = client.get(below, by=province).json
    assert (passed["answerable_to"], passed["appointed_by"], passed["version"]) == (str(province.id), person.id, 3)


def test_an_appointment_repeated_with_its_key_is_made_once(client: Client, database: RolledBack, town: Person, person: Person) -> None:
    key = {"Idempotency-Key": str(new_id())}
    first, second = (name(client, town, person, VILLAGE, headers=key) for _ in range(2))
    assert client.post(f"{first.headers['Location']}/confirmation", by=person).status_code == 201
    assert (second.status_code, second.json, second.headers["Location"]) == (201, first.json, first.headers["Location"])
    dismissals = [client.post(f"{first.headers['Location']}/dismissal", by=town, headers=key) for _ in range(2)]
    assert [answer.status_code for answer in dismissals] == [201, 201]
    assert len(appointment_events(database)) == 2


def test_the_service_applies_its_own_appointment_events(client: Client, database: RolledBack, town: Person, person: Person) -> None:
    path = appoint(client, town, person, VILLAGE).headers["Location"]
    client.post(f"{path}/dismissal", by=town)
    with database.begin() as session:
        rows = session.execute(text("SELECT id::text, version, ended_at FROM appointments WHERE user_id = :id"), {"id": person.id}).all()
        own = session.execute(text("SELECT id::text, version, dismissed_at FROM appointment_records")).all()
    assert rows == own
