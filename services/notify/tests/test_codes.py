"""Codes to send: each is recorded once, claimed by one attempt at a time, and repeated until it expires."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any, get_args
from uuid import UUID

import pytest
from sqlalchemy import func, select, text, update
from sqlalchemy.exc import DBAPIError

from chassis.data.database import Database, new_id, now
from chassis.environment import SettingsError
from chassis.testing.fixtures import RolledBack
from chassis.testing.twins import altered, unguarded
from contracts.users import CodeRequested
from notify.channels.interface import Failure
from notify.messages import actions, planning, rules, sending
from notify.messages.actions import Claimed, Outcome
from notify.messages.contacts import Code
from notify.messages.letters import write_code
from notify.messages.model import Message
from notify.settings import SendingSettings

from .conftest import example

ACCOUNT = {
    "TENCENT_SECRET_ID": "AKIDexampleexample00",
    "TENCENT_SECRET_KEY": "exampleexample000000",
    "TENCENT_SMS_APP_ID": "1400006666",
    "TENCENT_SMS_TEMPLATE_ID": "1234567",
    "TENCENT_SMS_SIGN_NAME": "某某县农业农村局",
}


def asked_for(seconds: float = 300, **changes: Any) -> CodeRequested:
    event: CodeRequested = example(CodeRequested, **({"code_id": new_id(), "expires_at": now() + timedelta(seconds=seconds)} | changes))
    return event


def record(database: Database, *events: CodeRequested) -> None:
    with database.begin() as session:
        planning.record_codes(session, events)


def claim(database: Database, limit: int = 10) -> list[Claimed]:
    with database.begin() as session:
        return actions.claim(session, limit)


def begin(database: Database, *claimed: Claimed) -> list[Claimed]:
    with database.begin() as session:
        return actions.begin(session, claimed, "tencent")


def note(database: Database, claimed: Claimed, outcome: Outcome) -> None:
    with database.begin() as session:
        actions.note_outcome(session, claimed, "tencent", outcome)


def row(database: Database, code_id: UUID) -> Message:
    with database.begin() as session:
        return session.scalars(select(Message).where(Message.code_id == code_id).execution_options(populate_existing=True)).one()


def make_due(database: Database) -> None:
    with database.begin() as session:
        session.execute(update(Message).values(due_at=now() - timedelta(seconds=1)))


def test_code_that_proves_an_address_is_mailed(database: RolledBack) -> None:
    record(database, asked_for(purpose="email_change"), asked_for(purpose="sign_in"))
    assert {one.kind: one.channel for one in claim(database)} == {"code_email_change": "email", "code_sign_in": "sms"}


@pytest.mark.parametrize(("language", "title"), [("zh-CN", "验证码"), ("en", "Your code"), ("fr", "验证码")])
def test_mailed_code_is_in_its_asker_s_language(database: RolledBack, language: str, title: str) -> None:
    record(database, asked_for(purpose="email_change"))
    [claimed] = claim(database)
    mail = write_code(claimed, Code("123456", email="mei@example.net", language=language), 5)
    assert (mail.title, "123456" in mail.body, "短信" in mail.body) == (title, True, False)
    sms = write_code(claimed, Code("123456", phone="13800000000", language=language), 5)
    assert (sms.language, sms.to, sms.body[:6]) == ("zh-CN", "+8613800000000", "123456")


@pytest.mark.parametrize("change", [None, unguarded(".on_conflict_do_nothing()", "without it, a code told twice fails or is sent twice")])
def test_code_told_twice_is_recorded_once(database: RolledBack, monkeypatch: pytest.MonkeyPatch, change: str | None) -> None:
    if change:
        monkeypatch.setattr(planning, "record_codes", altered(planning.record_codes, change))
    event = asked_for()
    record(database, event)
    try:
        record(database, event, event)
    except Exception as error:
        raise AssertionError("the second one fails") from error
    assert [one.id for one in claim(database)] == [event.code_id]


@pytest.mark.parametrize("change", [None, unguarded(" if event.expires_at > at", "without it, expired codes wait to be sent")])
def test_code_that_expired_on_the_way_is_dropped(database: RolledBack, monkeypatch: pytest.MonkeyPatch, change: str | None) -> None:
    if change:
        monkeypatch.setattr(planning, "record_codes", altered(planning.record_codes, change))
    fresh = asked_for()
    record(database, asked_for(seconds=-1), fresh)
    assert [one.id for one in claim(database)] == [fresh.code_id]


def test_claimed_code_is_not_claimed_again_within_its_lease(database: RolledBack) -> None:
    record(database, asked_for())
    [first] = claim(database)
    assert claim(database) == []
    make_due(database)
    [second] = claim(database)
    assert first.id == second.id
    assert begin(database, first) == [], "the lease is over"
    assert [one.attempts for one in begin(database, second)] == [1]


def test_simultaneous_claims_share_the_codes(database_of: Callable[[str, str], str]) -> None:
    database = Database(database_of("notify", "notify_claims"), name="test")
    record(database, *(asked_for() for _ in range(40)))
    with ThreadPoolExecutor(4) as pool:
        claimed = [one.code_id for batch in pool.map(lambda _: claim(database, 10), range(8)) for one in batch]
    database.close()
    assert (len(claimed), len(set(claimed))) == (40, 40)


def test_failed_attempt_is_repeated_until_the_code_expires(database: RolledBack) -> None:
    event = asked_for()
    record(database, event)
    [begun] = begin(database, *claim(database))
    note(database, begun, "temporary-failure")
    waiting = row(database, event.code_id)
    assert (waiting.state, waiting.settled_at) == ("temporary-failure", None)
    assert timedelta(seconds=0.5) < waiting.due_at - now() <= rules.FIRST_PAUSE_OF_CODE
    at, expires_at = now(), now() + timedelta(minutes=5)
    longest = [rules.next_attempt(attempts, at, expires_at, is_code=True, chance=1) for attempts in (1, 2, 3, 4, 5, 6, 10**6)]
    shortest = [rules.next_attempt(attempts, at, expires_at, is_code=True, chance=0) for attempts in (1, 2, 3, 4, 5, 6, 10**6)]
    assert [(one - at).total_seconds() for one in longest if one] == [2, 4, 8, 16, 30, 30, 30]
    assert [(one - at).total_seconds() for one in shortest if one] == [1, 2, 4, 8, 15, 15, 15]
    assert rules.next_attempt(5, at, at + timedelta(seconds=9), is_code=True) == at + timedelta(seconds=9)
    assert rules.next_attempt(1, at, at, is_code=True) is None


@pytest.mark.parametrize("outcome", ["delivered", "permanent-failure", "technical-failure"])
def test_settled_code_is_not_sent_again(database: RolledBack, outcome: Outcome) -> None:
    event = asked_for()
    record(database, event)
    [begun] = begin(database, *claim(database))
    note(database, begun, outcome)
    make_due(database)
    record(database, event)
    assert claim(database) == []
    assert row(database, event.code_id).state == outcome


WITHOUT_TURN = unguarded("message.attempts == claimed.attempts", "without it, a late failure puts a code back that another attempt holds")


@pytest.mark.parametrize("change", [None, WITHOUT_TURN])
def test_late_failure_does_not_disturb_who_took_over(database: RolledBack, monkeypatch: pytest.MonkeyPatch, change: str | None) -> None:
    if change:
        monkeypatch.setattr(actions, "note_outcome", altered(actions.note_outcome, change, "True"))
    event = asked_for()
    record(database, event)
    [first] = begin(database, *claim(database))
    make_due(database)
    begin(database, *claim(database))
    note(database, first, "temporary-failure")
    assert row(database, event.code_id).state == "sending"
    note(database, first, "delivered")
    assert row(database, event.code_id).state == "delivered"


def test_every_outcome_is_counted_from_the_start() -> None:
    """Prometheus sees no increase in a counter that begins with its first failure."""
    assert {*get_args(Failure)} < {*sending.OUTCOMES}
    assert {*sending.OUTCOMES} - sending._OF_CODES.keys() == {"withdrawn"}


SKIPPING = "with_for_update(skip_locked=True)"


@pytest.mark.parametrize("lock", [SKIPPING, unguarded("with_for_update()", "without skipping, a claim waits for another's rows")])
def test_claim_waits_for_nobody(database_of: Callable[[str, str], str], monkeypatch: pytest.MonkeyPatch, lock: str) -> None:
    monkeypatch.setattr(actions, "_claim", altered(actions._claim, SKIPPING, lock))
    database = Database(database_of("notify", "notify_waits"), name="test", lock_timeout_ms=200)
    first, second = asked_for(), asked_for()
    record(database, first)
    with database.begin() as holder:
        actions.claim(holder, 1)
        record(database, second)
        try:
            found = [one.id for one in claim(database)]
        except DBAPIError:
            found = []
    database.close()
    assert found == [second.code_id]


def test_late_codes_alone_write_nothing(database: RolledBack, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO", "notify.codes"):
        record(database, asked_for(seconds=-1))
    assert [vars(line)["count"] for line in caplog.records if line.name == "notify.codes"] == [1]
    with database.begin() as session:
        assert session.scalar(select(func.count()).select_from(Message)) == 0


def test_minutes_in_the_message_are_rounded_up() -> None:
    at = now()
    assert [rules.minutes_left(at, at + timedelta(seconds=seconds)) for seconds in (300, 299, 61, 60, 1)] == [5, 5, 2, 1, 1]


def test_settled_codes_are_deleted_after_a_week(database: RolledBack) -> None:
    old, young, waiting = (asked_for() for _ in range(3))
    record(database, old, young, waiting)
    with database.begin() as session:
        for event, days in ((old, 8), (young, 6)):
            settled = update(Message).where(Message.code_id == event.code_id)
            session.execute(settled.values(state="delivered", settled_at=now() - timedelta(days=days)))
        actions.delete_old(session)
        assert {*session.scalars(select(Message.code_id))} == {young.code_id, waiting.code_id}


def test_table_has_no_place_for_a_phone_or_a_code(database: RolledBack) -> None:
    with database.begin() as session:
        columns = session.execute(
            text("SELECT column_name, data_type FROM information_schema.columns WHERE table_name IN ('messages', 'attempts')")
        ).all()
    texts = {name for name, kind in columns if "char" in kind or kind in {"text", "bytea", "jsonb", "ARRAY"}}
    assert texts == {"region", "channel", "then", "kind", "state", "provider", "reason", "outcome", "number", "text"}


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name, value in ACCOUNT.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


def test_sender_without_a_provider_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ACCOUNT:
        monkeypatch.delenv(name, raising=False)
    found = SendingSettings.of_environment()
    assert (found.tencent, found.smtp, found.door) == (None, None, None)


@pytest.mark.parametrize("missing", ACCOUNT)
def test_half_configured_provider_is_refused(account: pytest.MonkeyPatch, missing: str) -> None:
    found = SendingSettings.of_environment().tencent
    assert found is not None
    assert (found.protocol, found.host, found.region) == ("https", "sms.tencentcloudapi.com", "ap-guangzhou")
    account.delenv(missing)
    with pytest.raises(SettingsError) as error:
        SendingSettings.of_environment()
    assert error.value.problems.keys() == {missing}
    assert "missing" in str(error.value)


def test_provider_without_the_key_of_the_door_is_refused(account: pytest.MonkeyPatch) -> None:
    account.delenv("DOOR_KEYS")
    with pytest.raises(SettingsError) as error:
        SendingSettings.of_environment()
    assert error.value.problems.keys() == {"DOOR_KEYS"}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TENCENT_SECRET_ID", "has blanks in it, so"), ("TENCENT_SMS_APP_ID", "app"), ("TENCENT_SMS_TEMPLATE_ID", "1\n"),
        ("TENCENT_SMS_SIGN_NAME", "【对接】"), ("TENCENT_SMS_REGION", "Guangzhou"), ("TENCENT_SMS_ENDPOINT", "sms.example.org"),
        ("TENCENT_SMS_ENDPOINT", "http://sms.example.org"), ("USERS_URL", "users:8000"),
    ],
)  # fmt: skip
def test_wrong_setting_of_the_sender_is_named(account: pytest.MonkeyPatch, name: str, value: str) -> None:
    account.setenv(name, value)
    with pytest.raises(SettingsError) as error:
        SendingSettings.of_environment()
    assert error.value.problems.keys() == {name}


def test_code_that_an_older_worker_records_is_a_message_too(database: RolledBack) -> None:
    """Until they are replaced, workers of the release before write into the table of before."""
    code_id, at = new_id(), now()
    row_of_before = {"id": code_id, "at": at, "expires": at + timedelta(minutes=5)}
    with database.begin() as session:
        session.execute(
            text(
                "INSERT INTO code_messages (code_id, purpose, expires_at, state, attempts, heard_at, due_at)"
                " VALUES (:id, 'sign_in', :expires, 'waiting', 0, :at, :at) ON CONFLICT DO NOTHING"
            ),
            row_of_before,
        )
        assert session.scalar(text("SELECT count(*) FROM code_messages")) == 0
    [claimed] = claim(database)
    assert (claimed.code_id, claimed.kind, claimed.channel, claimed.expires_at) == (
        code_id,
        "code_sign_in",
        "sms",
        at + timedelta(minutes=5),
    )
