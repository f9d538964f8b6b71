"""Self-reports: anybody makes one, villages visit and decide, the levels above see what is overdue."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import func, select, text, update
from sqlalchemy.orm import Session

from chassis.data.audit_log import AuditEntry
from chassis.data.database import Database, now
from chassis.http.auth import Caller
from chassis.testing.fixtures import Client, Person, RolledBack, administrator_of, auditor_of
from chassis.testing.simultaneous import meet_at_lock
from chassis.testing.twins import altered, unguarded
from chassis.working_days import deadline_after
from contracts.users import CodeRequested, SelfReportOpened
from users.self_reports import actions, queries, rules
from users.self_reports.model import SelfReport

from .conftest import VILLAGE, client_of, code_of, household, pending, phone, wrong_code_of

OTHER = f"{VILLAGE[:9]}002"


def facts(**changes: Any) -> dict[str, Any]:
    stated = {"region": VILLAGE, "name": "欧阳守田", "people": 3, "difficulty": "illness", "story": "家里老人住院，欠了药费"}
    return stated | changes


def report(client: Client, **changes: Any) -> Any:
    answer = client.post("/v1/self-reports", facts(**changes))
    assert answer.status_code == 202, answer.json
    return answer.json


def newest(client: Client, village: Person) -> Any:
    return client.get("/v1/self-reports", by=village).json["items"][0]


def state_late(database: Database, report_id: str, **due: datetime) -> None:
    with database.begin() as session:
        session.execute(update(SelfReport).where(SelfReport.id == UUID(report_id)).values(**due))


def test_report_without_a_telephone_starts_the_clock(client: Client, database: RolledBack, village: Person) -> None:
    received = report(client)
    assert received.keys() == {"code_id", "visit_by"}
    assert received["code_id"] is None
    found = newest(client, village)
    assert datetime.fromisoformat(received["visit_by"]) == datetime.fromisoformat(found["visit_by"]) == deadline_after(now(), 2).at
    assert datetime.fromisoformat(found["decide_by"]) == deadline_after(now(), 20).at
    assert (found["state"], found["name"], found["story"], found["phone"]) == ("open", "欧阳守田", "家里老人住院，欠了药费", None)
    [opened] = pending(database)
    assert isinstance(opened, SelfReportOpened)
    assert (str(opened.self_report_id), opened.region) == (found["id"], VILLAGE)


def test_telephone_of_a_report_is_proven_by_a_code(client: Client, village: Person) -> None:
    asked = report(client, phone=phone())["code_id"]
    assert newest(client, village)["phone_proven_at"] is None
    path = f"/v1/self-reports/{asked}/proof"
    assert client.post(path, {"code": wrong_code_of(asked, "self_report")}).json["code"] == "wrong_code"
    assert client.post(path, {"code": code_of(asked, "self_report")}).status_code == 201
    assert newest(client, village)["phone_proven_at"] is not None
    assert client.post(path, {"code": code_of(asked, "self_report")}).json["code"] == "code_ended"


def test_code_of_a_report_opens_nothing_else(client: Client) -> None:
    number = phone()
    asked = report(client, phone=number)["code_id"]
    for path in ("registrations", "sessions/codes", "password-resets"):
        body = {"code": code_of(asked, "self_report")} | ({"password": "seven owls over the barn"} if path == "password-resets" else {})
        assert client.post(f"/v1/{path}/{asked}/proof", body).status_code == 404


def test_report_arrives_when_no_code_is_left(
    client: Client, database: RolledBack, village: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CODES_PER_DAY", "1")
    report(client, phone=phone())
    received = report(client, phone=phone())
    assert received["code_id"] is None
    assert len(client.get("/v1/self-reports", by=village).json["items"]) == 2
    assert [type(event) for event in pending(database)].count(CodeRequested) == 1


def test_answer_is_the_same_whoever_is_registered(client: Client, village: Person) -> None:
    known = household(name="欧阳守田", phone=phone())
    assert client.post("/v1/households", known, by=village).status_code == 201
    answers = [report(client, phone=number, name=name) for number, name in ((known["phone"], "欧阳守田"), (phone(), "司马光"))]
    assert [one | {"code_id": None} for one in answers] == [{"code_id": None, "visit_by": answers[0]["visit_by"]}] * 2
    assert all(one["code_id"] for one in answers)


@pytest.mark.parametrize(
    "wrong",
    [
        {"people": 0},
        {"people": 31},
        {"people": "3"},
        {"difficulty": "laziness"},
        {"region": VILLAGE[:9]},
        {"region": "510903001999"},
        {"name": ""},
        {"name": "\u200b"},
        {"story": ""},
        {"story": "长" * 501},
        {"phone": "12345"},
        {"phone": "0825-2321234"},
        {"national_id": "11010519491231002X"},
    ],
)
def test_malformed_report_changes_nothing(client: Client, database: RolledBack, village: Person, wrong: dict[str, Any]) -> None:
    answer = client.post("/v1/self-reports", facts(**wrong))
    assert (answer.status_code, answer.json["code"]) == (422, "invalid")
    assert client.get("/v1/self-reports", by=village).json["items"] == []
    assert pending(database) == []


def test_reports_beyond_the_bound_of_a_day_wait(
    client: Client, database: RolledBack, village: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rules, "A_DAY", 2)
    answers = [report(client) for _ in range(4)]
    assert [answer["visit_by"] is None for answer in answers] == [False, False, True, True]
    report(client, region=OTHER)
    waiting = client.get("/v1/self-reports", by=village, state="waiting").json["items"]
    assert [(one["visit_by"], one["overdue"]) for one in waiting] == [(None, None)] * 2
    with database.begin() as session:
        assert actions.open_waiting(session) == 0, "there is no room today"
        session.execute(update(SelfReport).where(SelfReport.opened_at.is_not(None)).values(opened_at=now() - timedelta(days=1)))
        assert actions.open_waiting(session) == 2
    assert client.get("/v1/self-reports", by=village, state="waiting").json["items"] == []
    assert len({event.self_report_id for event in pending(database) if isinstance(event, SelfReportOpened)}) == 5


LOCK = "_lock_village(session, report.region)"


@pytest.mark.parametrize("lock", [LOCK, unguarded("pass", "without the lock, both count before the other writes")])
def test_bound_holds_among_simultaneous_reports(
    database_of: Callable[[str, str], str], signing: Any, monkeypatch: pytest.MonkeyPatch, lock: str
) -> None:
    monkeypatch.setattr(rules, "A_DAY", 1)
    monkeypatch.setattr(actions, "report_oneself", altered(actions.report_oneself, LOCK, lock))
    real = Database(database_of("users", "users_reports"), name="reports")
    clients = [client_of(real, signing) for _ in range(2)]
    acts = [lambda client=client: client.post("/v1/self-reports", facts()) for client in clients]
    answers = meet_at_lock(real, text("LOCK TABLE self_reports IN SHARE MODE"), acts)
    real.close()
    assert [answer.status_code for answer in answers] == [202, 202]
    assert sum(answer.json["visit_by"] is not None for answer in answers) == 1


def test_village_visits_and_decides(client: Client, village: Person) -> None:
    report(client)
    path = f"/v1/self-reports/{newest(client, village)['id']}"
    assert newest(client, village)["allowed"] == ["visit_self_report"]
    assert client.post(f"{path}/decision", {"outcome": "declined", "reason": "other"}, by=village).json["code"] == "state_conflict"
    visited = client.post(f"{path}/visit", by=village)
    assert (visited.status_code, visited.json["state"], visited.json["visited_by"]) == (201, "visited", str(village.id))
    assert visited.json["allowed"] == ["decide_self_report"]
    stale = client.post(f"{path}/decision", {"outcome": "admitted"}, by=village, headers={"If-Match": '"1"'})
    assert stale.status_code == 412
    registered = client.post("/v1/households", household(), by=village).json["id"]
    decided = client.post(f"{path}/decision", {"outcome": "admitted", "household_id": registered}, by=village)
    assert (decided.status_code, decided.json["state"], decided.json["household_id"]) == (201, "admitted", registered)
    assert decided.json["allowed"] == []
    assert client.post(f"{path}/visit", by=village).json["code"] == "state_conflict"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"outcome": "declined"}, "invalid"),
        ({"outcome": "admitted", "reason": "other"}, "invalid"),
        ({"outcome": "declined", "reason": "other", "household_id": "01920f0c-0000-7000-8000-000000000000"}, "invalid"),
        ({"outcome": "open"}, "invalid"),
        ({"outcome": "admitted", "household_id": "01920f0c-0000-7000-8000-000000000000"}, "unknown_household"),
    ],
)
def test_decision_that_does_not_fit_is_refused(client: Client, village: Person, body: dict[str, str], code: str) -> None:
    report(client)
    path = f"/v1/self-reports/{newest(client, village)['id']}"
    client.post(f"{path}/visit", by=village)
    answer = client.post(f"{path}/decision", body, by=village)
    assert (answer.status_code, answer.json["code"]) == (422, code)
    assert newest(client, village)["state"] == "visited"


def test_household_elsewhere_or_ended_is_not_linked(client: Client, database: RolledBack, village: Person) -> None:
    elsewhere = client.post("/v1/households", household(region=OTHER), by=administrator_of(database, OTHER)).json["id"]
    ended = client.post("/v1/households", household(), by=village).json["id"]
    assert client.post(f"/v1/households/{ended}/end", {"reason": "moved_away"}, by=village).status_code == 201
    report(client)
    path = f"/v1/self-reports/{newest(client, village)['id']}"
    client.post(f"{path}/visit", by=village)
    for other in (elsewhere, ended):
        answer = client.post(f"{path}/decision", {"outcome": "admitted", "household_id": other}, by=village)
        assert answer.json["code"] == "unknown_household"


def test_level_above_sees_what_is_overdue_and_no_names(client: Client, database: RolledBack, village: Person, town: Person) -> None:
    for _ in range(3):
        report(client, phone=phone())
    first, second, third = client.get("/v1/self-reports", by=village).json["items"]
    client.post(f"/v1/self-reports/{second['id']}/visit", by=village)
    past = datetime(2026, 1, 5, tzinfo=UTC)
    state_late(database, first["id"], visit_by=past)
    state_late(database, second["id"], visit_by=past, decide_by=past)
    seen = client.get("/v1/self-reports", by=town, overdue="true").json["items"]
    assert {one["id"]: one["overdue"] for one in seen} == {first["id"]: "visit", second["id"]: "decision"}
    assert {(one["shown"], one["name"], one["story"]) for one in seen} == {("masked", "欧**", None)}
    assert all("****" in one["phone"] for one in seen)
    assert client.get(f"/v1/self-reports/{third['id']}", by=town).json["overdue"] is None


SHOWN = "return report.region in caller.regions"


@pytest.mark.parametrize("rule", [SHOWN, unguarded("return True", "without the rule, every level reads the story")])
def test_story_stays_in_the_village(client: Client, database: RolledBack, monkeypatch: pytest.MonkeyPatch, rule: str) -> None:
    monkeypatch.setattr(rules, "is_shown_whole", altered(rules.is_shown_whole, SHOWN, rule))
    report(client)
    for above in (VILLAGE[:9], VILLAGE[:6], ""):
        [seen] = client.get("/v1/self-reports", by=administrator_of(database, above)).json["items"]
        assert seen["story"] is None
    [seen] = client.get("/v1/self-reports", by=auditor_of(database, VILLAGE[:6])).json["items"]
    assert (seen["story"], seen["allowed"]) == (None, [])


def test_every_look_of_the_village_is_recorded(client: Client, database: RolledBack, village: Person) -> None:
    report(client)
    found = newest(client, village)
    with database.begin() as session:
        kept = session.scalars(select(AuditEntry).where(AuditEntry.actor_id == village.id)).all()
    assert [(entry.act, str(entry.subject_id), entry.region) for entry in kept] == [("list_self_reports", found["id"], VILLAGE)]


WITHIN = ("within", lambda caller, column: text("true"))


@pytest.mark.parametrize("guard", [None, unguarded(WITHIN, "without the condition, lists show every village")])
def test_other_villages_find_nothing(
    client: Client, database: RolledBack, village: Person, monkeypatch: pytest.MonkeyPatch, guard: Any
) -> None:
    if guard:
        monkeypatch.setattr(Caller, *guard)
    report(client)
    report_id = newest(client, village)["id"]
    other = administrator_of(database, OTHER)
    assert client.get("/v1/self-reports", by=other).json["items"] == []
    for path, body in ((f"/v1/self-reports/{report_id}", None), (f"/v1/self-reports/{report_id}/visit", {})):
        answer = client.get(path, by=other) if body is None else client.post(path, body, by=other)
        assert answer.status_code == 404


def test_page_and_code_are_for_everybody(client: Client) -> None:
    page = client.get("/v1/self-reports/page")
    assert page.content_type == "text/html; charset=utf-8"
    assert "'unsafe-inline'" not in page.headers["Content-Security-Policy"]
    code = client.get(f"/v1/regions/{VILLAGE}/self-report-code")
    assert (code.status_code, code.content_type) == (200, "image/svg+xml")
    assert client.get(f"/v1/regions/{VILLAGE[:6]}/self-report-code").status_code == 200
    for wrong in ("510903001999", "99", "x"):
        assert client.get(f"/v1/regions/{wrong}/self-report-code").status_code == 404


def test_count_of_a_day_is_that_of_the_village(client: Client, database: RolledBack) -> None:
    report(client)
    report(client, region=OTHER)
    with database.begin() as session:
        session_of: Session = session
        assert queries.count_opened(session_of, VILLAGE, now() - timedelta(hours=1)) == 1
        assert session_of.scalar(select(func.count()).select_from(SelfReport)) == 2
