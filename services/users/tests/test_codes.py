"""One-time codes: their digits, tries and budgets, and the door through which notify looks at them."""

import os
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from prometheus_client import REGISTRY
from sqlalchemy import select, text

from chassis.data.audit_log import AuditEntry
from chassis.http import doors
from chassis.http.doors import DoorSettings
from chassis.problems import Problem
from chassis.testing.fixtures import Client, RolledBack
from chassis.testing.twins import altered, unguarded
from contracts.users import CodeRequested
from users.codes import actions, derivation, rules
from users.codes.actions import Asker
from users.codes.model import CodeRequest
from users.problems import too_many_codes

from .conftest import donor, enter_account, pending, phone

SOMEBODY = Asker("192.0.2.7", "zh-CN")
READ_AGAIN = ".execution_options(populate_existing=True)"
DOOR = {"Authorization": f"Bearer {os.environ['DOOR_KEYS']}"}


def ask(database: RolledBack, purpose: Any = "registration", number: str | None = None, asker: Asker = SOMEBODY) -> CodeRequest:
    with database.begin() as session:
        return actions.request_code(session, asker, purpose, f"+86{number or phone()}")


def code_of(request: CodeRequest) -> str:
    return derivation.derive_code(os.environ["CODE_KEYS"].encode(), request.purpose, request.id)


def wrong_code_of(request: CodeRequest) -> str:
    return f"{(int(code_of(request)) + 1) % 10**6:06d}"


def give(database: RolledBack, request: CodeRequest, code: str, purpose: Any = None) -> str:
    with database.begin() as session:
        used = actions.use_code(session, purpose or request.purpose, request.id, code)
        return used.code if isinstance(used, Problem) else "right"


def test_digits_of_codes_are_equally_frequent() -> None:
    codes = [derivation.derive_code(b"k" * 32, "sign_in", UUID(int=number)) for number in range(3000)]
    counts = Counter("".join(codes))
    assert {len(code) for code in codes} == {6}
    assert len(counts) == 10
    assert sum((count - 1800) ** 2 / 1800 for count in counts.values()) < 30


def test_code_differs_by_key_purpose_and_request() -> None:
    one = uuid4()
    made = {
        derivation.derive_code(key, purpose, request)
        for key in (b"a" * 32, b"b" * 32)
        for purpose in ("sign_in", "registration")
        for request in (one, uuid4())
    }
    assert len(made) > 6


def test_right_code_counts_once(database: RolledBack) -> None:
    request = ask(database)
    assert [give(database, request, code_of(request)) for _ in range(2)] == ["right", "code_ended"]


def test_code_ends_after_five_tries(database: RolledBack) -> None:
    request = ask(database)
    assert [give(database, request, wrong_code_of(request)) for _ in range(5)] == ["wrong_code"] * 5
    assert give(database, request, code_of(request)) == "code_ended"


@pytest.mark.parametrize(
    "anew",
    [READ_AGAIN, unguarded("", "without reading it again, a guess counted meanwhile is forgotten")],
)
def test_request_is_read_again_once_it_is_locked(database: RolledBack, monkeypatch: pytest.MonkeyPatch, anew: str) -> None:
    monkeypatch.setattr(actions, "use_codes", altered(actions.use_codes, READ_AGAIN, anew))
    request = ask(database)
    with database.begin() as session:
        early = session.get_one(CodeRequest, request.id)
        session.connection().execute(text("UPDATE code_requests SET tries = 4 WHERE id = :id"), {"id": request.id})
        assert isinstance(actions.use_code(session, request.purpose, request.id, wrong_code_of(request)), Problem)
        assert early.tries == 5


def test_code_ends_after_five_minutes(database: RolledBack) -> None:
    request = ask(database)
    with database.begin() as session:
        session.execute(text("UPDATE code_requests SET expires_at = expires_at - interval '5 minutes'"))
    assert give(database, request, code_of(request)) == "code_ended"


def test_code_ends_at_the_moment_it_states(database: RolledBack) -> None:
    request = ask(database)
    assert rules.find_try_problem(request, request.expires_at - timedelta(microseconds=1)) is None
    assert rules.find_try_problem(request, request.expires_at) is not None


def test_request_keeps_what_it_is_for_until_it_is_used(database: RolledBack) -> None:
    with database.begin() as session:
        asked = actions.request_code(session, SOMEBODY, "registration", f"+86{phone()}", wanted='{"kind": "donor"}')
    with database.begin() as session:
        assert session.get_one(CodeRequest, asked.id).wanted == '{"kind": "donor"}'


def test_wrong_tries_are_recorded_with_their_number(database: RolledBack) -> None:
    request = ask(database)
    for _ in range(2):
        give(database, request, wrong_code_of(request))
    with database.begin() as session:
        kept = session.scalars(select(AuditEntry).where(AuditEntry.act == "use_code").order_by(AuditEntry.id)).all()
    assert [(entry.outcome, entry.details) for entry in kept] == [
        ("wrong_code", {"purpose": "registration", "tries": tries}) for tries in (1, 2)
    ]


def test_code_of_another_purpose_or_request_is_refused(database: RolledBack) -> None:
    request, other = ask(database), ask(database)
    assert give(database, request, code_of(request), "sign_in") == "not_found"
    assert give(database, request, code_of(other)) == "wrong_code"
    assert give(database, request, code_of(request)) == "right"


def test_code_stands_nowhere_but_in_the_answer_of_the_door(database: RolledBack, client: Client) -> None:
    number = phone()
    request = ask(database, number=number)
    [event] = pending(database)
    assert event == CodeRequested(version=1, code_id=request.id, purpose="registration", expires_at=request.expires_at)
    with database.begin() as session:
        rows = "".join(
            str(row) for table in ("code_requests", "code_counts", "outbox") for row in session.execute(text(f"SELECT * FROM {table}"))
        )
    assert code_of(request) not in rows
    assert number not in rows
    answer = client.get(f"/internal/codes/{request.id}", headers=DOOR)
    assert answer.status_code == 200, answer.json
    expected = {"phone": f"+86{number}", "email": None, "code": code_of(request), "purpose": "registration", "language": "zh-CN"}
    assert answer.json == expected | {"expires_at": request.expires_at.isoformat()}
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer ", "Bearer x", f"Basic {os.environ['DOOR_KEYS']}", f"Bearer {os.environ['DOOR_KEYS']}x"]
)
def test_door_needs_its_key(database: RolledBack, client: Client, header: str) -> None:
    answer = client.get(f"/internal/codes/{ask(database).id}", headers={"Authorization": header})
    assert (answer.status_code, answer.json["code"]) == (401, "sign_in_needed")


def test_door_opens_for_any_key_and_callers_show_the_newest(database: RolledBack, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = DoorSettings([b"the-newest-key-of-the-doors-0123456", b"the-key-before-it-of-the-doors-0123"])
    monkeypatch.setattr(doors, "_keys", lambda: settings.keys)
    assert settings.header() == {"Authorization": "Bearer the-newest-key-of-the-doors-0123456"}
    for header in (settings.header(), {"Authorization": "bearer  the-key-before-it-of-the-doors-0123"}):
        assert client.get(f"/internal/codes/{ask(database).id}", headers=header).status_code == 200


def test_token_of_an_administrator_does_not_open_the_door(database: RolledBack, client: Client, town: Any) -> None:
    assert client.get(f"/internal/codes/{ask(database).id}", by=town).status_code == 401


def test_door_shows_a_code_so_many_times_while_it_counts(database: RolledBack, client: Client) -> None:
    request = ask(database)
    answers = [client.get(f"/internal/codes/{request.id}", headers=DOOR) for _ in range(rules.MOST_LOOKS + 1)]
    assert [answer.status_code for answer in answers] == [200] * 20 + [404]
    assert answers[-1].json["code"] == "no_code"
    used = ask(database)
    give(database, used, code_of(used))
    for gone in (used.id, uuid4()):
        assert client.get(f"/internal/codes/{gone}", headers=DOOR).json["code"] == "no_code"


def test_code_for_a_phone_without_account_is_not_sent(database: RolledBack, client: Client) -> None:
    wanted = donor()
    enter_account(client, **wanted)
    for purpose in ("sign_in", "password_reset"):
        known, unknown = ask(database, purpose, wanted["phone"]), ask(database, purpose)
        found = [client.get(f"/internal/codes/{request.id}", headers=DOOR).status_code for request in (known, unknown)]
        assert found == [200, 404]


def test_door_is_in_no_document(client: Client) -> None:
    assert not [path for path in client.get("/openapi/users.json").json["paths"] if "internal" in path]


def test_budget_of_a_phone_is_shared_by_all_addresses(database: RolledBack) -> None:
    number = phone()
    for place in range(2):
        for _ in range(5):
            ask(database, number=number, asker=Asker(f"192.0.2.{place}", "en"))
        with pytest.raises(too_many_codes):
            ask(database, number=number, asker=Asker(f"192.0.2.{place}", "en"))
    with pytest.raises(too_many_codes) as refused:
        ask(database, number=number, asker=Asker("192.0.2.9", "en"))
    assert 0 < (refused.value.retry_after_seconds or 0) <= 24 * 3600
    counted = {budget: REGISTRY.get_sample_value("duijie_codes_refused_total", {"budget": budget}) for budget in ("phone", "phone_address")}
    assert all(count and count > 0 for count in counted.values()), counted


@pytest.mark.parametrize("setting", ["CODES_PER_ADDRESS", "CODES_PER_DAY"])
def test_budgets_of_an_address_and_the_house_end(database: RolledBack, monkeypatch: pytest.MonkeyPatch, setting: str) -> None:
    monkeypatch.setenv(setting, "3")
    for _ in range(3):
        ask(database)
    budget = {"CODES_PER_ADDRESS": "address", "CODES_PER_DAY": "house"}[setting]
    refused = REGISTRY.get_sample_value("duijie_codes_refused_total", {"budget": budget}) or 0
    with pytest.raises(too_many_codes):
        ask(database)
    assert REGISTRY.get_sample_value("duijie_codes_refused_total", {"budget": budget}) == refused + 1
    if setting == "CODES_PER_ADDRESS":
        ask(database, asker=Asker("192.0.2.8", "en"))


def test_old_requests_and_counts_are_deleted(database: RolledBack) -> None:
    ask(database)
    with database.begin() as session:
        actions.delete_old(session)
        assert session.scalar(text("SELECT count(*) FROM code_requests")) == 1
        session.execute(text("UPDATE code_requests SET expires_at = expires_at - interval '2 days'"))
        session.execute(text("UPDATE code_counts SET day = day - 2"))
        actions.delete_old(session)
        assert session.scalar(text("SELECT (SELECT count(*) FROM code_requests) + (SELECT count(*) FROM code_counts)")) == 0


def test_day_of_a_budget_ends_at_midnight_in_china() -> None:
    late = datetime(2026, 3, 1, 15, 59, 30, tzinfo=UTC)
    assert (rules.day_of(late).day, rules.seconds_to_next_day(late)) == (1, 30)
    assert rules.seconds_to_next_day(late + timedelta(seconds=29, milliseconds=900)) == 1
    assert rules.seconds_to_next_day(datetime(2026, 3, 1, tzinfo=UTC)) == 16 * 3600
    assert rules.seconds_to_next_day(datetime(2026, 2, 28, 20, tzinfo=UTC)) == 20 * 3600
    assert rules.day_of(datetime(2026, 3, 1, 16, tzinfo=UTC)).day == 2
