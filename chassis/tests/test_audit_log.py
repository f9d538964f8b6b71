"""The audit log: entries come and go with their acts, and who reads which of them."""

import logging
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID

import pytest
from apiflask import APIBlueprint
from keeper import unguarded
from sqlalchemy import func, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from chassis.data import appointments, audit_log
from chassis.data.audit_log import OPERATOR, AuditEntry, Entry
from chassis.data.database import Database, new_id
from chassis.http import routes, shown
from chassis.http.app import create_app
from chassis.http.audit_log import narrow
from chassis.http.auth import SIGNED_IN, Caller
from chassis.http.fields import NothingIn
from chassis.http.routes import access
from chassis.http.shown import note_shown
from chassis.problems import not_allowed
from chassis.testing.fixtures import Client, KnownKeys, Person, RolledBack, administrator_of, auditor_of, database_fixtures
from contracts.users import AuditorAppointed

engine, database = database_fixtures("pantry")

COUNTY, VILLAGE, ELSEWHERE = "510903", "510903001001", "510703"
HOUSEHOLD, CARD = new_id(), new_id()


def make_api() -> APIBlueprint:
    """Make routes that show the card of a household, change it, and refuse."""
    api = APIBlueprint("cards", __name__, url_prefix="/v1")

    @api.get("/cards/masked")
    @access(who=SIGNED_IN, x_view="region")
    @api.output({})
    def get_masked_card(session: Session, caller: Caller) -> Any:
        note_shown(caller, "card", CARD, people=[HOUSEHOLD], region=VILLAGE, masked=True)
        return {}

    @api.get("/cards")
    @access(who=SIGNED_IN, x_view="region")
    @api.output({})
    def get_card(session: Session, caller: Caller) -> Any:
        for _ in range(2):
            note_shown(caller, "card", CARD, people=[HOUSEHOLD, None], region=VILLAGE)
        return {}

    @api.post("/cards/change")
    @access(who=SIGNED_IN, x_view="region")
    @api.input(NothingIn)
    @api.output({})
    def change_card(session: Session, caller: Caller, json_data: dict[str, Any]) -> Any:
        note_shown(caller, "card", CARD, people=[HOUSEHOLD], region=VILLAGE, masked=True)
        return {}, 200, {"Location": "/v1/cards"}

    @api.post("/cards/refusal")
    @access(who=SIGNED_IN, x_view="region")
    @api.input(NothingIn)
    @api.output({})
    def refuse_card(session: Session, caller: Caller, json_data: dict[str, Any]) -> Any:
        audit_log.record(session, caller, Entry(act="refuse_card", subject="card"))
        audit_log.record_refusal(session, caller, Entry(act="refuse_card", subject="card", outcome="not_allowed"))
        raise not_allowed()

    return api


@pytest.fixture
def client(database: RolledBack, keys: KnownKeys) -> Client:
    return Client(create_app("pantry", make_api(), database=database, keys=keys).test_client(), keys)


def recorded(database: Database) -> list[AuditEntry]:
    with database.begin() as session:
        return list(session.scalars(select(AuditEntry).order_by(AuditEntry.id)))


def enter(database: RolledBack, *entries: Entry, by: Any = OPERATOR) -> None:
    with database.begin() as session:
        audit_log.record(session, by, *entries)


def entry(act: str = "get_card", region: str = VILLAGE, **more: Any) -> Entry:
    return Entry(act=act, subject="card", subject_id=CARD, region=region, **more)


@pytest.mark.parametrize("fails", [False, True])
def test_entry_and_act_commit_or_roll_back_together(database_of: Callable[[str, str], str], fails: bool) -> None:
    real = Database(database_of("pantry", "pantry_audit_log"), name="tests")
    try:
        with real.begin() as session:
            audit_log.record(session, OPERATOR, entry())
            if fails:
                raise LookupError
    except LookupError:
        pass
    assert [one.act for one in recorded(real)] == ([] if fails else ["get_card"])
    real.close()


def test_entry_holds_who_did_what_about_whom(database: RolledBack) -> None:
    staff = Person("staff")
    enter(database, entry(person_id=HOUSEHOLD, details={"ids": [CARD], "reason": "no_show", "to": COUNTY}), by=staff)
    [found] = recorded(database)
    assert (found.actor_id, found.actor_kind, found.subject_id, found.person_id) == (staff.id, "staff", CARD, HOUSEHOLD)
    assert (found.region, found.outcome) == (VILLAGE, "done")
    assert found.details == {"ids": [str(CARD)], "reason": "no_show", "to": COUNTY}
    assert abs(found.at - datetime.now(UTC)) < timedelta(minutes=1)


BEGINNING = func.now()


@pytest.mark.parametrize(
    "default", [func.clock_timestamp(), unguarded(BEGINNING, "without it, an entry bears its transaction's beginning")]
)
def test_entry_bears_the_time_of_its_writing(database: RolledBack, default: Any) -> None:
    """A transaction may have begun ten minutes ago, beyond what the check of an entry's id allows."""
    enter(database, entry())
    [found] = recorded(database)
    began, later = database.found(select(BEGINNING, default))[0]
    assert began < found.at < later


PERSONAL = ["王奶奶", "13912345678", 13912345678, "two words", {"a": 1}, 1.5, ["王"]]


@pytest.mark.parametrize("is_checked", [True, unguarded(False, "without the check, a phone gets into the log")])
def test_details_refuse_text_and_long_numbers(database: RolledBack, monkeypatch: pytest.MonkeyPatch, is_checked: bool) -> None:
    if not is_checked:
        monkeypatch.setattr(audit_log, "_check_plain", lambda name, value: None)
    for value in PERSONAL:
        try:
            enter(database, entry(details={"x": value}))
        except ValueError:
            continue
        pytest.fail(f"{value} was recorded")


def test_entry_with_another_time_in_its_id_is_refused(database: RolledBack, monkeypatch: pytest.MonkeyPatch) -> None:
    past = audit_log.id_at(datetime.now(UTC) - timedelta(minutes=11))
    monkeypatch.setattr(audit_log, "new_id", lambda: past)
    with pytest.raises(DBAPIError, match="entries_id_at"):
        enter(database, entry())


def test_line_is_logged_once_the_act_is_committed(database: RolledBack, caplog: pytest.LogCaptureFixture) -> None:
    staff = Person("staff")
    with caplog.at_level(logging.INFO, "chassis.audit"):
        with database.begin() as session:
            audit_log.record(session, staff, entry(person_id=HOUSEHOLD))
            assert caplog.records == []
        with suppress(LookupError), database.begin() as session:
            audit_log.record(session, staff, entry())
            raise LookupError
    [line] = [vars(one) for one in caplog.records]
    assert {name: line[name] for name in ("act", "outcome", "caller_id", "kind", "subject_id")} == {
        "act": "get_card", "outcome": "done", "caller_id": str(staff.id), "kind": "staff", "subject_id": str(CARD),
    }  # fmt: skip


@pytest.mark.parametrize("is_recorded", [True, unguarded(False, "without the guard, nobody knows who looked")])
def test_route_records_what_it_shows_of_others(
    client: Client, database: RolledBack, monkeypatch: pytest.MonkeyPatch, is_recorded: bool
) -> None:
    if not is_recorded:
        monkeypatch.setattr(shown, "record_shown", lambda session, caller, act: None)
    staff = administrator_of(database, VILLAGE)
    for answer in (client.get("/v1/cards", by=staff), client.get("/v1/cards/masked", by=staff), client.post("/v1/cards/change", by=staff)):
        assert answer.status_code == 200
    assert client.flask.head("/v1/cards/masked", headers=client._headers(staff)).status_code == 200
    assert [(one.act, one.actor_id, one.person_id, one.region) for one in recorded(database)] == [
        ("get_card", staff.id, HOUSEHOLD, VILLAGE),
        ("change_card", staff.id, HOUSEHOLD, VILLAGE),
    ]


def test_looking_at_oneself_is_not_recorded(client: Client, database: RolledBack) -> None:
    household = Person("household")
    household.id = HOUSEHOLD
    assert client.get("/v1/cards", by=household).status_code == 200
    assert client.post("/v1/cards/change", by=household).status_code == 200
    assert recorded(database) == []


@pytest.mark.parametrize("is_kept", [True, unguarded(False, "without a transaction of its own, a refusal is rolled back")])
def test_refusal_is_kept_and_its_act_is_not(client: Client, database: RolledBack, monkeypatch: pytest.MonkeyPatch, is_kept: bool) -> None:
    if not is_kept:
        monkeypatch.setattr(routes.audit_log, "write_refusals", lambda session, database=None: None)
    assert client.post("/v1/cards/refusal", by=Person("staff")).status_code == 403
    assert [(one.act, one.outcome) for one in recorded(database)] == [("refuse_card", "not_allowed")]


def test_refusal_names_its_problem(database: RolledBack) -> None:
    with pytest.raises(ValueError, match="names the code"), database.begin() as session:
        audit_log.record_refusal(session, OPERATOR, entry())


# Reading


@pytest.fixture
def filled(database: RolledBack) -> RolledBack:
    enter(database, entry("get_card", VILLAGE, person_id=HOUSEHOLD), entry("change_card", COUNTY), entry("get_card", ELSEWHERE))
    enter(database, entry("appoint_first", ""))
    return database


def listed(client: Client, by: Person, **query: Any) -> list[tuple[str, str]]:
    answer = client.get("/v1/pantry/audit", by=by, **query)
    assert answer.status_code == 200, answer.json
    return [(item["act"], item["region"]) for item in answer.json["items"]]


def test_auditor_sees_the_entries_of_their_regions(client: Client, filled: RolledBack) -> None:
    assert listed(client, auditor_of(filled, COUNTY)) == [("change_card", COUNTY), ("get_card", VILLAGE)]
    assert listed(client, auditor_of(filled, ELSEWHERE)) == [("get_card", ELSEWHERE)]
    assert listed(client, auditor_of(filled, VILLAGE)) == [("get_card", VILLAGE)]
    assert len(listed(client, auditor_of(filled, ""), limit=100)) == 4 + 3


@pytest.mark.parametrize(
    ("query", "acts"),
    [
        ({"region": VILLAGE}, ["get_card"]),
        ({"region": ELSEWHERE}, []),
        ({"region": "51"}, ["change_card", "get_card"]),
        ({"person_id": str(HOUSEHOLD)}, ["get_card"]),
        ({"act": "change_card"}, ["change_card"]),
        ({"since": "2020-01-01T00:00:00Z", "until": "2020-02-01T00:00:00Z"}, []),
        ({"since": "2020-01-01T00:00:00Z"}, ["change_card", "get_card"]),
        ({"until": "2199-01-01T00:00:00Z"}, ["change_card", "get_card"]),
        ({"actor_id": str(new_id())}, []),
    ],
)
def test_auditor_filters_by_region_person_time_and_act(client: Client, filled: RolledBack, query: dict[str, Any], acts: list[str]) -> None:
    assert [act for act, _ in listed(client, auditor_of(filled, COUNTY), **query)] == acts


@pytest.mark.parametrize("kind", ["household", "staff", "donor"])
def test_anybody_but_an_auditor_is_refused(client: Client, filled: RolledBack, kind: str) -> None:
    person = Person(kind) if kind != "staff" else administrator_of(filled, "")
    assert client.get("/v1/pantry/audit", by=person).status_code == 403
    assert client.get("/v1/pantry/audit", by=person, person_id=str(HOUSEHOLD)).status_code == 403
    assert [(one.act, one.outcome) for one in recorded(filled)][-1] == ("list_pantry_audit_entries", "not_allowed")


def test_people_read_who_looked_at_them_but_not_whom(client: Client, database: RolledBack) -> None:
    household, staff = Person("household"), administrator_of(database, VILLAGE)
    enter(database, entry(person_id=household.id), entry(person_id=HOUSEHOLD), by=staff)
    [item] = client.get("/v1/pantry/audit", by=household, person_id=str(household.id)).json["items"]
    assert (item["actor_kind"], item["actor_id"], item["person_id"]) == ("staff", None, str(household.id))
    assert client.get("/v1/pantry/audit", by=household, person_id=str(household.id), actor_id=str(staff.id)).status_code == 403
    assert len(recorded(database)) == 2


def test_reading_the_log_is_recorded(client: Client, filled: RolledBack) -> None:
    auditor = auditor_of(filled, COUNTY)
    listed(client, auditor, region=COUNTY, person_id=str(HOUSEHOLD), act="get_card")
    last = recorded(filled)[-1]
    assert (last.act, last.actor_id, last.person_id, last.region) == ("list_pantry_audit_entries", auditor.id, HOUSEHOLD, COUNTY)
    assert last.details == {"named_act": "get_card"}


def test_pages_of_several_regions_are_in_order_and_whole(client: Client, database: RolledBack) -> None:
    auditor = auditor_of(database, "5109")
    with database.begin() as session:
        more = {"version": 1, "user_id": auditor.id, "appointed_by": None, "appointed_at": datetime.now(UTC)}
        appointments.record(session, [AuditorAppointed(appointment_id=new_id(), region=region, **more) for region in (COUNTY, "5107")])
    for number in range(9):
        enter(database, entry(region=(VILLAGE, ELSEWHERE, "330106")[number % 3]))
    seen: list[UUID] = []
    cursor = None
    while True:
        query = {"limit": 2, "region": "51", "act": "get_card"} | ({"cursor": cursor} if cursor else {})
        page = client.get("/v1/pantry/audit", by=auditor, **query).json
        seen += [UUID(item["id"]) for item in page["items"]]
        if (cursor := page["next"]) is None:
            break
    assert len(seen) == 6
    assert all(one > other for one, other in pairwise(seen))


def test_regions_are_narrowed_without_parts_of_parts() -> None:
    assert narrow(["5109", "510903", "5107"], "51") == ["5107", "5109"]
    assert narrow(["5109"], COUNTY) == [COUNTY]
    assert narrow(["5109"], "33") == []
    assert narrow(["", "5109"], "") == [""]
