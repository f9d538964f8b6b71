"""Offices: offered, confirmed, refused, valid for a time; whom nobody appoints; what happens to those whom the dismissed appointed."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from chassis.data.database import Database, new_id
from chassis.http.auth import Caller
from chassis.testing.fixtures import Client, Person, RolledBack, administrator_of
from chassis.testing.simultaneous import meet_at_lock
from chassis.testing.twins import altered, altered_sql, unguarded
from contracts.users import AdministratorAppointed, AdministratorDismissed, AppointmentOffered, AuditorAppointed, AuditorDismissed
from users.appointments import actions, queries, rules
from users.appointments.days import today
from users.appointments.model import Appointment
from users.sessions.tokens import SigningKeys

from .conftest import VILLAGE, client_of, household, pending, person_of

COUNTY, TOWN = "510903", VILLAGE[:9]
OFFICES = (AdministratorAppointed, AdministratorDismissed, AppointmentOffered, AuditorAppointed, AuditorDismissed)


def staff(client: Client) -> Person:
    return person_of(client, kind="staff", name="杜若衡")


def offer(client: Client, by: Person, person: Person, region: str, **more: Any) -> Any:
    return client.post("/v1/appointments", {"account_id": str(person.id), "region": region} | more, by=by)


def appoint(client: Client, by: Person, region: str, **more: Any) -> tuple[Person, str]:
    """Appoint somebody new; return them and the path of their appointment."""
    person = staff(client)
    path = offer(client, by, person, region, **more).headers["Location"]
    assert client.post(f"{path}/confirmation", by=person).status_code == 201
    return person, path


def regions(client: Client, person: Person) -> list[str]:
    return list(client.get("/v1/me", by=person).json["regions"])


def office_events(database: RolledBack) -> list[str]:
    return [type(event).__name__ for event in pending(database) if isinstance(event, OFFICES)]


def change(database: Database, statement: str, **given: Any) -> None:
    with database.begin() as session:
        session.execute(text(statement), given)


def run(database: Database, timer: Callable[[Session], int]) -> int:
    with database.begin() as session:
        return timer(session)


@pytest.fixture
def county(database: RolledBack) -> Person:
    return administrator_of(database, COUNTY)


@pytest.fixture
def person(client: Client) -> Person:
    return staff(client)


NOT_CONFIRMED = "        confirmed_at=None,\n        began_at=None,\n        published_version=None,\n"


def appoint_at_once(session: Session, caller: Caller, wanted: Any) -> Appointment:
    account = actions._find_staff_account(session, wanted)
    return actions.appoint(session, account, wanted["region"], caller.id)


@pytest.mark.parametrize("confirms", [True, unguarded(False, "without the confirmation, whoever holds a phone gets power unasked")])
def test_unconfirmed_appointee_has_no_power(
    client: Client, database: RolledBack, county: Person, person: Person, monkeypatch: pytest.MonkeyPatch, confirms: bool
) -> None:
    if not confirms:
        monkeypatch.setattr(actions, "appoint_administrator", appoint_at_once)
    answer = offer(client, county, person, TOWN)
    assert regions(client, person) == []
    assert client.post("/v1/households", household(), by=person).status_code == 403
    assert client.get("/v1/households", by=person).json["items"] == []
    assert offer(client, person, staff(client), VILLAGE).status_code == 403
    assert (answer.json["state"], answer.json["version"], answer.json["allowed"]) == ("offered", 1, ["dismiss_administrator"])
    assert office_events(database) == ["AppointmentOffered"]


def test_confirmation_is_published_and_counts_at_once(client: Client, database: RolledBack, county: Person, person: Person) -> None:
    path = offer(client, county, person, TOWN).headers["Location"]
    [waiting] = client.get("/v1/appointments", by=person, state="offered").json["items"]
    assert waiting["allowed"] == ["confirm_appointment", "refuse_appointment", "dismiss_administrator"]
    answer = client.post(f"{path}/confirmation", by=person)
    assert (answer.status_code, answer.json["state"], answer.json["version"]) == (201, "active", 2)
    assert answer.json["allowed"] == ["dismiss_administrator"]
    assert regions(client, person) == [TOWN]
    assert office_events(database) == ["AppointmentOffered", "AdministratorAppointed"]
    again = client.post(f"{path}/confirmation", by=person)
    assert (again.status_code, again.json["code"]) == (409, "state_conflict")


def test_refused_offer_ends_and_may_be_repeated(client: Client, database: RolledBack, county: Person, person: Person) -> None:
    path = offer(client, county, person, TOWN).headers["Location"]
    answer = client.post(f"{path}/refusal", by=person)
    assert (answer.status_code, answer.json["state"], answer.json["reason"], answer.json["allowed"]) == (201, "refused", "refused", [])
    assert client.post(f"{path}/confirmation", by=person).status_code == 409
    assert [one["id"] for one in client.get("/v1/appointments", by=county, state="refused").json["items"]] == [path[-36:]]
    assert client.get("/v1/appointments", by=county, state="dismissed").json["items"] == []
    assert office_events(database) == ["AppointmentOffered"]
    assert offer(client, county, person, TOWN).status_code == 201


def test_only_the_person_named_answers_an_offer(client: Client, database: RolledBack, county: Person, person: Person) -> None:
    path = offer(client, county, person, TOWN).headers["Location"]
    for act in ("confirmation", "refusal"):
        for somebody, status in ((county, 403), (staff(client), 404), (administrator_of(database, "44"), 404), (Person("donor"), 403)):
            assert client.post(f"{path}/{act}", by=somebody).status_code == status
        assert client.post(f"{path}/{act}").status_code == 401
    assert regions(client, person) == []


def test_offer_is_withdrawn_without_an_event(client: Client, database: RolledBack, county: Person, person: Person) -> None:
    path = offer(client, county, person, TOWN).headers["Location"]
    assert client.post(f"{path}/dismissal", {"reason": "other"}, by=county).json["state"] == "dismissed"
    assert client.post(f"{path}/confirmation", by=person).status_code == 409
    assert office_events(database) == ["AppointmentOffered"]


def test_auditor_is_appointed_and_dismissed(client: Client, database: RolledBack, county: Person) -> None:
    auditor, path = appoint(client, county, TOWN, role="auditor")
    assert regions(client, auditor) == []
    with database.begin() as session:
        assert Caller(UUID(str(auditor.id)), "staff", session).audited_regions == [TOWN]
    assert client.get(path, by=county).json["role"] == "auditor"
    assert client.post(f"{path}/dismissal", {"reason": "moved"}, by=county).json["reason"] == "moved"
    with database.begin() as session:
        assert Caller(UUID(str(auditor.id)), "staff", session).audited_regions == []
    assert office_events(database) == ["AppointmentOffered", "AuditorAppointed", "AuditorDismissed"]


def test_both_offices_in_one_region_stand_beside_each_other(client: Client, county: Person, person: Person) -> None:
    assert offer(client, county, person, TOWN).status_code == 201
    assert offer(client, county, person, TOWN, role="auditor").status_code == 201
    assert offer(client, county, person, TOWN, role="auditor").json["code"] == "already_appointed"


@pytest.mark.parametrize(
    ("others", "own", "region", "is_above"),
    [
        (["5109"], [COUNTY], TOWN, True),
        ([""], [COUNTY], COUNTY, True),
        ([COUNTY], [COUNTY], TOWN, False),
        ([TOWN], [COUNTY], TOWN, False),
        (["44"], [COUNTY], TOWN, False),
        (["5109"], [COUNTY, "51"], TOWN, False),
        (["5109"], [COUNTY, "4401"], TOWN, True),
        ([], [COUNTY], TOWN, False),
    ],
)
def test_wider_region_around_the_own_one_outranks(others: list[str], own: list[str], region: str, is_above: bool) -> None:
    assert rules.outranks(others, own, region) == is_above


OUTRANKED = "if outranks(others_regions, caller.regions, region):"


@pytest.mark.parametrize("condition", [OUTRANKED, unguarded("if False:", "without the rule, a township appoints its province's chief")])
def test_nobody_appoints_somebody_above(
    client: Client, database: RolledBack, county: Person, monkeypatch: pytest.MonkeyPatch, condition: str
) -> None:
    monkeypatch.setattr(rules, "find_appointing_problem", altered(rules.find_appointing_problem, OUTRANKED, condition))
    above, _ = appoint(client, administrator_of(database, "51"), "5109")
    answer = offer(client, county, above, TOWN)
    assert (answer.status_code, answer.json.get("code")) == (403, "outranked")


APPOINTER = "return own_appointer() if is_appointer else None"


@pytest.mark.parametrize("guard", [APPOINTER, unguarded("return None", "without the rule, an accomplice brings the dismissed one back")])
def test_accomplice_cannot_reappoint_the_dismissed(
    client: Client, database: RolledBack, monkeypatch: pytest.MonkeyPatch, guard: str
) -> None:
    monkeypatch.setattr(rules, "find_appointing_problem", altered(rules.find_appointing_problem, APPOINTER, guard))
    city = administrator_of(database, "5109")
    chief, path = appoint(client, city, COUNTY)
    deputy, _ = appoint(client, chief, COUNTY)
    helper, _ = appoint(client, deputy, TOWN)
    assert client.post(f"{path}/dismissal", {"reason": "moved"}, by=city).status_code == 201
    for accomplice, region in ((deputy, COUNTY), (helper, VILLAGE)):
        answer = offer(client, accomplice, chief, region)
        assert (answer.status_code, answer.json.get("code")) == (403, "own_appointer")
    assert offer(client, city, chief, TOWN).status_code == 201


def test_refused_offer_makes_nobody_an_appointer(client: Client, database: RolledBack, county: Person, person: Person) -> None:
    one, _ = appoint(client, county, TOWN)
    path = offer(client, one, person, VILLAGE).headers["Location"]
    client.post(f"{path}/refusal", by=person)
    with database.begin() as session:
        assert not queries.is_appointer_of(session, UUID(str(one.id)), UUID(str(person.id)))
        assert queries.is_appointer_of(session, county.id, UUID(str(one.id)))


FALLING_BELOW = "below.answerable_to = falling.account_id AND"


@pytest.mark.parametrize("guard", [FALLING_BELOW, unguarded("false AND", "without it, an abuser's appointees stay")])
def test_abuse_ends_everything_appointed_below(client: Client, database: RolledBack, monkeypatch: pytest.MonkeyPatch, guard: str) -> None:
    monkeypatch.setattr(actions, "_FALLING", altered_sql(actions._FALLING, FALLING_BELOW, guard))
    city = administrator_of(database, "5109")
    chief, path = appoint(client, city, COUNTY)
    town, town_path = appoint(client, chief, TOWN)
    village, _ = appoint(client, town, VILLAGE)
    auditor, _ = appoint(client, town, VILLAGE, role="auditor")
    waiting = staff(client)
    waiting_path = offer(client, chief, waiting, TOWN).headers["Location"]
    bystander, _ = appoint(client, city, TOWN)
    answer = client.post(f"{path}/dismissal", {"reason": "abuse"}, by=city).json
    assert answer["reason"] == "abuse"
    fallen = {UUID(one["account_id"]) for one in answer["appointees"]}
    assert fallen == {UUID(str(one.id)) for one in (town, village, auditor, waiting)}
    assert {one["state"] for one in answer["appointees"]} == {"dismissed"}
    assert [regions(client, one) for one in (chief, town, village, bystander)] == [[], [], [], [TOWN]]
    assert client.post(f"{waiting_path}/confirmation", by=waiting).status_code == 409
    assert office_events(database).count("AdministratorDismissed") == 3
    assert office_events(database).count("AuditorDismissed") == 1
    assert client.get(town_path, by=city).json["dismissed_by"] == str(city.id)


def test_more_than_one_transaction_ends_is_ended_by_the_timer(
    client: Client, database: RolledBack, monkeypatch: pytest.MonkeyPatch
) -> None:
    city = administrator_of(database, "5109")
    chief, path = appoint(client, city, COUNTY)
    towns = [appoint(client, chief, TOWN)[0] for _ in range(3)]
    villages = [appoint(client, towns[2], VILLAGE)[0] for _ in range(2)]
    monkeypatch.setattr(actions, "MOST_AT_ONCE", 1)
    assert len(client.post(f"{path}/dismissal", {"reason": "abuse"}, by=city).json["appointees"]) == 1
    ended = 1
    while run(database, actions.end_due):
        ended += 1
    assert ended == len(towns) + len(villages)
    assert [regions(client, one) for one in towns + villages] == [[]] * 5


def test_resignation_passes_appointees_to_the_own_appointer(client: Client, database: RolledBack, county: Person) -> None:
    town, path = appoint(client, county, TOWN)
    _, below = appoint(client, town, VILLAGE)
    waiting = offer(client, town, staff(client), VILLAGE).headers["Location"]
    assert client.post(f"{path}/dismissal", {"reason": "abuse"}, by=town).status_code == 403
    answer = client.post(f"{path}/dismissal", {"reason": "left"}, by=town).json
    assert {one["id"]: one["state"] for one in answer["appointees"]} == {below[-36:]: "active", waiting[-36:]: "dismissed"}
    assert client.get(below, by=county).json["answerable_to"] == str(county.id)
    assert client.get(waiting, by=county).json["reason"] == "lapsed"


def test_nobody_answers_for_their_own_appointment(client: Client, database: RolledBack) -> None:
    city = administrator_of(database, "5109")
    chief, path = appoint(client, city, COUNTY)
    risen, own = appoint(client, chief, TOWN)
    wider = offer(client, administrator_of(database, "51"), risen, "5109").headers["Location"]
    assert client.post(f"{wider}/confirmation", by=risen).status_code == 201
    assert client.post(f"{path}/dismissal", by=risen).status_code == 201
    assert client.get(own, by=risen).json["answerable_to"] == str(city.id)


TURN = "    take_turn(session)\n    # A copy"


@pytest.mark.parametrize("guard", [TURN, unguarded("    # A copy", "without turns, a dismissed one appoints an accomplice meanwhile")])
def test_nobody_appoints_while_being_dismissed(
    database_of: Callable[[str, str], str], signing: SigningKeys, monkeypatch: pytest.MonkeyPatch, guard: str
) -> None:
    committed = Database(database_of("users", f"users_turns_{new_id().hex[-6:]}"), name="tests")
    client = client_of(committed, signing)
    city = administrator_of(committed, "5109")
    chief, path = appoint(client, city, COUNTY)
    accomplice = staff(client)
    monkeypatch.setattr(actions, "appoint_administrator", altered(actions.appoint_administrator, TURN, guard))
    clients = [client_of(committed, signing) for _ in range(2)]

    def dismiss(session: Session) -> None:
        """Dismiss the chief; the accomplice is named before this commits."""
        actions.take_turn(session, alone=True)
        appointment = session.get_one(Appointment, UUID(path[-36:]))
        actions._end(session, [appointment], actions.Timer(city.id), "abuse")

    [answer] = meet_at_lock(committed, dismiss, [lambda: offer(clients[0], chief, accomplice, TOWN)])
    committed.close()
    assert answer.status_code == 403


def test_office_begins_on_its_first_day(client: Client, database: RolledBack, county: Person, person: Person) -> None:
    first = today() + timedelta(days=3)
    path = offer(client, county, person, TOWN, valid_from=first.isoformat()).headers["Location"]
    answer = client.post(f"{path}/confirmation", by=person).json
    assert (answer["state"], answer["valid_from"], answer["began_at"]) == ("confirmed", first.isoformat(), None)
    assert run(database, actions.begin_due) == 0
    assert regions(client, person) == []
    change(database, "UPDATE appointment_records SET valid_from = :day", day=today())
    assert run(database, actions.begin_due) == 1
    assert run(database, actions.begin_due) == 0
    assert regions(client, person) == [TOWN]
    [event] = [event for event in pending(database) if isinstance(event, AdministratorAppointed)]
    assert (event.version, event.region) == (3, TOWN)


OVER = "Appointment.valid_until < today()"


@pytest.mark.parametrize("condition", [OVER, unguarded("Appointment.valid_until < date.min", "without it, an office never ends")])
def test_office_ends_after_its_last_day(
    client: Client, database: RolledBack, county: Person, monkeypatch: pytest.MonkeyPatch, condition: str
) -> None:
    monkeypatch.setattr(actions, "date", date, raising=False)
    end_due = altered(actions.end_due, OVER, condition)
    town, path = appoint(client, county, TOWN, valid_until=today().isoformat())
    _, below = appoint(client, town, VILLAGE)
    assert run(database, end_due) == 0
    change(database, "UPDATE appointment_records SET valid_until = valid_until - 1")
    assert run(database, end_due) == 1
    assert regions(client, town) == []
    ended = client.get(path, by=county).json
    assert (ended["state"], ended["reason"], ended["dismissed_by"]) == ("dismissed", "expired", str(county.id))
    assert client.get(below, by=county).json["answerable_to"] == str(county.id)
    assert office_events(database)[-1] == "AdministratorDismissed"


def test_unanswered_offer_lapses_after_30_days(client: Client, database: RolledBack, county: Person, person: Person) -> None:
    path = offer(client, county, person, TOWN).headers["Location"]
    assert run(database, actions.end_due) == 0
    change(database, "UPDATE appointment_records SET appointed_at = appointed_at - interval '30 days'")
    answer = client.post(f"{path}/confirmation", by=person)
    assert (answer.status_code, answer.json["code"]) == (409, "state_conflict")
    assert run(database, actions.end_due) == 1
    assert client.get(path, by=county).json["reason"] == "lapsed"
    assert offer(client, county, person, TOWN).status_code == 201


@pytest.mark.parametrize(
    "more",
    [
        {"valid_until": "2020-01-01"},
        {"valid_from": "2030-01-02", "valid_until": "2030-01-01"},
        {"valid_from": "soon"},
        {"valid_from": "1999-12-31"},
        {"role": "emperor"},
    ],
)
def test_malformed_office_is_refused(client: Client, county: Person, person: Person, more: dict[str, str]) -> None:
    assert offer(client, county, person, TOWN, **more).json["code"] == "invalid"


def test_stale_answer_to_an_offer_is_refused(client: Client, county: Person, person: Person) -> None:
    path = offer(client, county, person, TOWN).headers["Location"]
    assert client.post(f"{path}/confirmation", by=person, headers={"If-Match": '"7"'}).status_code == 412
    assert client.post(f"{path}/confirmation", by=person, headers={"If-Match": '"1"'}).status_code == 201


def test_two_answers_that_meet_count_once(database_of: Callable[[str, str], str], signing: SigningKeys) -> None:
    committed = Database(database_of("users", "users_answers"), name="tests")
    client, county = client_of(committed, signing), administrator_of(committed, COUNTY)
    person = staff(client)
    path = offer(client, county, person, TOWN).headers["Location"]
    clients = [client_of(committed, signing) for _ in range(2)]
    acts = [
        lambda one=one, act=act: one.post(f"{path}/{act}", by=person) for one, act in zip(clients, ("confirmation", "refusal"), strict=True)
    ]
    answers = meet_at_lock(committed, text("SELECT FROM appointment_records WHERE id = :id FOR UPDATE"), acts, id=path[-36:])
    committed.close()
    assert sorted(answer.status_code for answer in answers) == [201, 409]


def test_offer_lapses_at_its_moment() -> None:
    at = datetime(2026, 3, 31, 12, tzinfo=UTC)
    made = Appointment(appointed_at=at - timedelta(days=30) + timedelta(seconds=1), valid_until=None)
    assert not rules.has_lapsed(made, at, at.date())
    assert rules.has_lapsed(made, at + timedelta(seconds=1), at.date())
    made.valid_until = at.date()
    assert not rules.has_lapsed(made, at, at.date())
    assert rules.has_lapsed(made, at, at.date() + timedelta(days=1))
