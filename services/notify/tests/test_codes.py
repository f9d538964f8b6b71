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
from notify.codes import actions, rules
from notify.codes.actions import Claimed
from notify.codes.model import CodeMessage
from notify.settings import SendingSettings
from notify.sms.channel import Failure

from .conftest import example

ACCOUNT = {
    "TENCENT_SECRET_ID": "AKIDexampleexample00",
    "TENCENT_SECRET_KEY": "exampleexample000000",
    "TENCENT_SMS_APP_ID": "1400006666",
    "TENCENT_SMS_TEMPLATE_ID": "1234567",
    "TENCENT_SMS_SIGN_NAME": "某某县乡村振兴局",
}


def asked_for(seconds: float = 300, **changes: Any) -> CodeRequested:
    event: CodeRequested = example(CodeRequested, **({"code_id": new_id(), "expires_at": now() + timedelta(seconds=seconds)} | changes))
    return event


def record(database: Database, *events: CodeRequested) -> None:
    with database.begin() as session:
        actions.record_requests(session, events)


def claim(database: Database, limit: int = 10) -> list[Claimed]:
    with database.begin() as session:
        return actions.claim(session, limit)


def note(database: Database, claimed: Claimed, outcome: rules.Outcome) -> None:
    with database.begin() as session:
        actions.note_outcome(session, claimed, outcome, None)


def row(database: Database, code_id: UUID) -> CodeMessage:
    with database.begin() as session:
        return session.scalars(select(CodeMessage).where(CodeMessage.code_id == code_id).execution_options(populate_existing=True)).one()


def make_due(database: Database) -> None:
    with database.begin() as session:
        session.execute(update(CodeMessage).values(due_at=now() - timedelta(seconds=1)))


@pytest.mark.parametrize("change", [None, unguarded(".on_conflict_do_nothing()", "without it, a code told twice fails or is sent twice")])
def test_code_told_twice_is_recorded_once(database: RolledBack, monkeypatch: pytest.MonkeyPatch, change: str | None) -> None:
    if change:
        monkeypatch.setattr(actions, "record_requests", altered(actions.record_requests, change))
    event = asked_for()
    record(database, event)
    try:
        record(database, event, event)
    except Exception as error:
        raise AssertionError("the second one fails") from error
    assert [one.code_id for one in claim(database)] == [event.code_id]


@pytest.mark.parametrize("change", [None, unguarded(" if event.expires_at > at", "without it, expired codes wait to be sent")])
def test_code_that_expired_on_the_way_is_dropped(database: RolledBack, monkeypatch: pytest.MonkeyPatch, change: str | None) -> None:
    if change:
        monkeypatch.setattr(actions, "record_requests", altered(actions.record_requests, change))
    fresh = asked_for()
    record(database, asked_for(seconds=-1), fresh)
    assert [one.code_id for one in claim(database)] == [fresh.code_id]


def test_claimed_code_is_not_claimed_again_within_its_lease(database: RolledBack) -> None:
    record(database, asked_for())
    [first] = claim(database)
    assert claim(database) == []
    make_due(database)
    [second] = claim(database)
    assert (first.attempts, second.attempts) == (1, 2)


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
    [claimed] = claim(database)
    note(database, claimed, "failed")
    waiting = row(database, event.code_id)
    assert waiting.state == "waiting"
    assert timedelta(seconds=1) < waiting.due_at - now() <= rules.FIRST_PAUSE
    at, expires_at = now(), now() + timedelta(minutes=5)
    pauses = [(rules.next_attempt(attempts, at, expires_at) - at).total_seconds() for attempts in (1, 2, 3, 4, 5, 6, 10**6)]
    assert pauses == [2, 4, 8, 16, 30, 30, 30]
    assert rules.next_attempt(5, at, at + timedelta(seconds=9)) == at + timedelta(seconds=9)
    assert rules.next_attempt(1, at, at - timedelta(seconds=9)) == at


@pytest.mark.parametrize("outcome", ["sent", "expired", "gone", "number_refused", "provider_refused", "unconfigured"])
def test_settled_code_is_not_sent_again(database: RolledBack, outcome: rules.Outcome) -> None:
    event = asked_for()
    record(database, event)
    [claimed] = claim(database)
    note(database, claimed, outcome)
    make_due(database)
    record(database, event)
    assert claim(database) == []
    assert row(database, event.code_id).state == outcome


WITHOUT_TURN = unguarded(" == claimed.attempts", "without it, a late failure puts a code back that another attempt holds")


@pytest.mark.parametrize("change", [None, WITHOUT_TURN])
def test_late_failure_does_not_disturb_who_took_over(database: RolledBack, monkeypatch: pytest.MonkeyPatch, change: str | None) -> None:
    if change:
        monkeypatch.setattr(actions, "note_outcome", altered(actions.note_outcome, change, " > 0"))
    event = asked_for()
    record(database, event)
    [first] = claim(database)
    make_due(database)
    claim(database)
    note(database, first, "failed")
    assert row(database, event.code_id).state == "sending"
    note(database, first, "sent")
    assert row(database, event.code_id).state == "sent"


def test_every_outcome_is_counted_from_the_start() -> None:
    """Prometheus sees no increase in a counter that begins with its first failure."""
    assert {*rules.OUTCOMES} == {*get_args(Failure), "sent", "expired", "gone", "unconfigured"}
    assert set(get_args(Failure)) == {"failed", "number_refused", "provider_refused"}


SKIPPING = "with_for_update(skip_locked=True)"


@pytest.mark.parametrize("lock", [SKIPPING, unguarded("with_for_update()", "without skipping, a claim waits for another's rows")])
def test_claim_waits_for_nobody(database_of: Callable[[str, str], str], monkeypatch: pytest.MonkeyPatch, lock: str) -> None:
    monkeypatch.setattr(actions, "claim", altered(actions.claim, SKIPPING, lock))
    database = Database(database_of("notify", "notify_waits"), name="test", lock_timeout_ms=200)
    first, second = asked_for(), asked_for()
    record(database, first)
    with database.begin() as holder:
        actions.claim(holder, 1)
        record(database, second)
        try:
            found = [one.code_id for one in claim(database)]
        except DBAPIError:
            found = []
    database.close()
    assert found == [second.code_id]


def test_late_codes_alone_write_nothing(database: RolledBack, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO", "notify.codes"):
        record(database, asked_for(seconds=-1))
    assert [vars(line)["count"] for line in caplog.records if line.name == "notify.codes"] == [1]
    with database.begin() as session:
        assert session.scalar(select(func.count()).select_from(CodeMessage)) == 0


def test_minutes_in_the_message_are_rounded_up() -> None:
    at = now()
    assert [rules.minutes_left(at, at + timedelta(seconds=seconds)) for seconds in (300, 299, 61, 60, 1)] == [5, 5, 2, 1, 1]


def test_settled_codes_are_deleted_after_a_month(database: RolledBack) -> None:
    old, young, waiting = (asked_for() for _ in range(3))
    record(database, old, young, waiting)
    with database.begin() as session:
        for event, days in ((old, 31), (young, 29)):
            settled = update(CodeMessage).where(CodeMessage.code_id == event.code_id)
            session.execute(settled.values(state="sent", settled_at=now() - timedelta(days=days)))
        actions.delete_old(session)
        assert {*session.scalars(select(CodeMessage.code_id))} == {young.code_id, waiting.code_id}


def test_table_has_no_place_for_a_phone_or_a_code(database: RolledBack) -> None:
    with database.begin() as session:
        columns = session.execute(
            text("SELECT column_name, data_type FROM information_schema.columns WHERE table_name = 'code_messages'")
        ).all()
    texts = {name for name, kind in columns if "char" in kind or kind in {"text", "bytea", "jsonb"}}
    assert texts == {"purpose", "state", "reason"}


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name, value in ACCOUNT.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


def test_sender_without_a_provider_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ACCOUNT:
        monkeypatch.delenv(name, raising=False)
    found = SendingSettings.of_environment()
    assert (found.provider, found.door) == (None, None)


@pytest.mark.parametrize("missing", ACCOUNT)
def test_half_configured_provider_is_refused(account: pytest.MonkeyPatch, missing: str) -> None:
    found = SendingSettings.of_environment().provider
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
