"""Dead letters: kept, shown without their content, replayed once, or dropped."""

import io
import json
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from keeper import IN_BATCHES, ONE_BY_ONE, House, once, soon, unguarded, withdrawn_need, withdrawn_pledge
from pantry import api as pantry_api
from pantry.actions import PERSONAL, POISON
from sqlalchemy import text

from chassis import relay
from chassis.data.database import Database, new_id, now
from chassis.dead_letters import main
from chassis.messaging import dead_letters, inbox, outbox
from chassis.messaging.broker import Publisher, connected
from chassis.messaging.redaction import redact
from chassis.messaging.subscription import Subscription
from chassis.ops import telemetry
from chassis.problems import Problem
from chassis.relay import Relay
from chassis.testing.fixtures import Client, Person, RolledBack, administrator_of, api_fixtures
from chassis.testing.folders import is_free
from chassis.testing.simultaneous import meet_at_lock
from chassis.testing.twins import altered
from contracts.event import Envelope, Event, encode, name_of
from contracts.generate import example_of
from contracts.needs import NeedClosed

engine, database, client = api_fixtures("pantry", pantry_api.api)
JSON = {"content-type": "application/json"}


def park(database: Database, event: Event, subscription: Subscription = ONE_BY_ONE, **otherwise: Any) -> UUID:
    """Park an event as a dead letter; return the letter's id."""
    recorded_at = now() - otherwise.get("age", timedelta(0))
    envelope = Envelope(
        id=new_id(), name=name_of(type(event)), producer="needs", subject=event.subject, recorded_at=recorded_at, traceparent=None
    )
    headers = envelope.headers() | JSON | otherwise.get("headers", {})
    with database.begin() as session:
        dead_letters.park(session, subscription, headers, otherwise.get("body", encode(event)), otherwise.get("reason", "Spoilt"), 4)
    with database.begin() as session:
        return session.scalars(dead_letters.select_letters().order_by(dead_letters.DeadLetter.id.desc())).first().id  # type: ignore[union-attr]


def replay(database: Database, letter: UUID) -> str:
    """Replay a letter; return its new state or the code of the refusal."""
    try:
        with database.begin() as session:
            return dead_letters.replay(session, letter).state
    except Problem as problem:
        return problem.code


def test_a_replayed_dead_letter_is_handled_once_with_its_own_id(house: House) -> None:
    event = withdrawn_need()
    letter = park(house.database, event)
    [row] = house.parked(ONE_BY_ONE)
    everything = house.tap()
    assert replay(house.database, letter) == "replayed"
    assert replay(house.database, letter) == "state_conflict"
    house.relay(), house.worker()
    assert soon(lambda: house.taken() == once(event))
    with house.database.begin() as session:
        assert session.scalar(text("SELECT event_id FROM inbox")) == row.event_id
    assert soon(lambda: house.count("outbox") == 0)
    assert house.count("journal") == 0, "it was journalled when it was first published"
    assert house.waiting(everything) == 0, "nobody else hears it"


def test_a_dead_letter_that_fails_again_is_parked_again(house: House) -> None:
    house.publish(withdrawn_need(POISON))
    house.relay()
    house.worker(attempts=1)
    assert soon(lambda: house.parked(ONE_BY_ONE))
    [first] = house.parked(ONE_BY_ONE)
    assert replay(house.database, first.id) == "replayed"
    assert soon(lambda: house.parked(ONE_BY_ONE))
    [second] = house.parked(ONE_BY_ONE)
    assert second.event_id == first.event_id
    assert second.id != first.id
    assert house.count("journal") == 1


TO_CHANGE = ", with_for_update=True, populate_existing=True"


@pytest.mark.parametrize("lock", [TO_CHANGE, unguarded("", "without the lock, both replays send the event")])
def test_of_two_replays_at_once_one_wins(database_of: Callable[[str, str], str], monkeypatch: pytest.MonkeyPatch, lock: str) -> None:
    monkeypatch.setattr(dead_letters, "_locked", altered(dead_letters._locked, TO_CHANGE, lock))
    database = Database(database_of("pantry", "pantry_replays"), name="replays")
    letter = park(database, withdrawn_need())
    both = [lambda: replay(database, letter)] * 2
    found = meet_at_lock(database, text("SELECT FROM dead_letters FOR UPDATE"), both)
    with database.begin() as session:
        sent = session.scalar(text("SELECT count(*) FROM outbox"))
    database.close()
    assert (sorted(found), sent) == (["replayed", "state_conflict"], 1)


def test_a_message_parked_twice_is_one_dead_letter(house: House) -> None:
    """The acknowledgement was lost, so the message came twice."""
    event = withdrawn_need()
    headers = Envelope(id=new_id(), name="need_withdrawn", producer="needs", subject=event.subject, recorded_at=now()).headers()
    for attempts in (3, 4):
        with house.database.begin() as session:
            dead_letters.park(session, ONE_BY_ONE, headers, encode(event), "Spoilt", attempts)
    [letter] = house.parked(ONE_BY_ONE)
    assert letter.attempts == 4
    with house.database.begin() as session:
        dead_letters.park(session, ONE_BY_ONE, headers, b"another body under the same id", "unreadable", 0)
    assert len(house.parked(ONE_BY_ONE)) == 2


NOT_REPLAYED: dict[str, tuple[dict[str, Any], str]] = {
    "older than inboxes remember": ({"age": inbox.RETENTION + timedelta(minutes=1)}, "letter_too_old"),
    "no JSON": ({"body": b"\xff"}, "letter_unreadable"),
    "no object": ({"body": b"null"}, "letter_unreadable"),
    "no version": ({"body": b"{}"}, "letter_unreadable"),
    "a version that is no number": ({"body": b'{"version": "1"}'}, "letter_unreadable"),
    "a version too large": ({"body": b'{"version": 1' + b"0" * 30 + b"}"}, "letter_unreadable"),
    "a time beyond all years": ({"headers": {"ce-time": "9999-12-31T23:59:59-12:00"}}, "letter_unreadable"),
    "no envelope": ({"headers": {"ce-id": None}}, "letter_unreadable"),
    "another content type": ({"headers": {"content-type": "text/plain"}}, "letter_unreadable"),
    "another encoding": ({"headers": {"content-encoding": "gzip"}}, "letter_unreadable"),
}


@pytest.mark.parametrize(("changes", "code"), NOT_REPLAYED.values(), ids=NOT_REPLAYED)
def test_a_refused_replay_keeps_the_letter_and_gives_a_reason(database: RolledBack, changes: dict[str, Any], code: str) -> None:
    letter = park(database, withdrawn_need(), **changes)
    assert replay(database, letter) == code
    with database.begin() as session:
        assert session.scalar(text("SELECT count(*) FROM outbox")) == 0
        assert [row.id for row in session.scalars(dead_letters.select_letters())] == [letter]


@pytest.mark.parametrize(
    ("year", "found"), [(1969, "letter_unreadable"), (1970, "letter_too_old"), (2200, "replayed"), (2201, "letter_unreadable")]
)
def test_an_envelope_is_of_a_year_that_clocks_may_show(database: RolledBack, year: int, found: str) -> None:
    assert replay(database, park(database, withdrawn_need(), headers={"ce-time": f"{year}-06-01T00:00:00Z"})) == found


def test_a_forged_trace_header_is_not_passed_on(database: RolledBack) -> None:
    assert replay(database, park(database, withdrawn_need(), headers={"traceparent": PERSONAL * 100})) == "replayed"
    with database.begin() as session:
        assert PERSONAL not in session.scalar(text("SELECT traceparent FROM outbox"))  # type: ignore[operator]


def test_waiting_time_and_parked_events_are_measured(house: House) -> None:
    port = next(port for port in range(20000, 32768) if is_free(port))
    park(house.database, withdrawn_need())
    house.relay(metrics_port=port).ready()
    asked = httpx.get(f"http://127.0.0.1:{port}/metrics", trust_env=False).text
    assert 'duijie_dead_letters{service="pantry"} 1.0' in asked
    assert 'duijie_outbox_age_seconds{service="pantry"} 0.0' in asked


def test_a_letter_that_waits_for_its_queue_counts_as_waiting(house: House) -> None:
    replay(house.database, park(house.database, withdrawn_need(), age=timedelta(minutes=5)))
    with house.database.begin() as session:
        assert 290 < outbox.age_seconds(session) < 400


def test_a_letter_of_a_retired_event_shows_its_size_and_stays(database: RolledBack) -> None:
    letter = park(database, withdrawn_need())
    with database.begin() as session:
        session.execute(text("UPDATE dead_letters SET name = 'need_forgotten'"))
    assert replay(database, letter) == "letter_unreadable"
    assert redact("need_forgotten", b'{"name": "x"}') == {"": "an event that is told no more, 13 bytes"}


@pytest.mark.parametrize("address", [True, unguarded(False, "without the address filter one missing queue blocks every other queue")])
def test_a_letter_without_its_queue_stays_and_blocks_no_other(
    house: House, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, address: bool
) -> None:
    monkeypatch.setattr(relay, "BATCH", 1)
    if not address:
        monkeypatch.setattr(relay.outbox, "address_of", lambda row: "nowhere")
    with house.channel() as channel:
        channel.queue_delete(ONE_BY_ONE.queue)
    replay(house.database, park(house.database, withdrawn_need()))
    time.sleep(0.01)
    house.publish(withdrawn_pledge())
    own_relay = Relay(house.settings())
    with connected(house.broker_url, 20) as connection:
        publisher = Publisher(connection, 40)
        assert [own_relay.publish_batch(publisher) for _ in range(2)] == [0, 1]
    [record] = [record for record in caplog.records if "no queue takes" in record.message]
    assert record.events == [ONE_BY_ONE.queue]
    assert house.waiting(IN_BATCHES.queue) == 1
    assert house.count("outbox") == 1


def test_dropping_erases_the_body_and_old_letters_are_deleted(database: RolledBack) -> None:
    letter = park(database, withdrawn_need())
    with database.begin() as session:
        assert dead_letters.drop(session, letter).state == "dropped"
    with database.begin() as session:
        row = session.get_one(dead_letters.DeadLetter, letter)
        assert (row.body, row.headers) == (b"", {})
        dead_letters.delete_expired(session)
        session.execute(text("UPDATE dead_letters SET settled_at = settled_at - interval '91 days'"))
        dead_letters.delete_expired(session)
    with database.begin() as session:
        assert session.get(dead_letters.DeadLetter, letter) is None


def test_the_command_lists_shows_replays_and_drops_letters(
    house: House, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in {"PANTRY_DATABASE_URL": house.database_url, "COLUMNS": "250"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(telemetry, "start", lambda *_: None)
    monkeypatch.setattr(sys, "stdin", io.StringIO("n\n"))

    def command(act: str, *more: str) -> tuple[object, str]:
        with pytest.raises(SystemExit) as end:
            main([act, "pantry", *more])
        return end.value.code, capsys.readouterr().out

    event = withdrawn_pledge()
    body = json.dumps(json.loads(encode(event)) | {"unit": PERSONAL, PERSONAL: 1, "quantity": 13812345678}).encode()
    good, poison = park(house.database, withdrawn_need()), park(house.database, event, IN_BATCHES, body=body, reason="unreadable")
    _, listed = command("list", "--event", "need_withdrawn")
    assert (str(good) in listed, str(poison) in listed) == (True, False)
    assert str(good) not in command("list", "--older", "1h")[1]
    _, shown = command("show", "--reason", "unreadable", "--newer", "1h")
    assert str(event.subject) in shown
    assert f"text of {len(PERSONAL)} characters" in shown
    assert not any(word in shown for word in (PERSONAL, "13812345678"))
    assert command("drop")[0] == "nothing was dropped"
    assert house.count("dead_letters WHERE state = 'parked'") == 2
    assert command("replay", "--id", str(good)) == (0, "pantry: 1 replayed, 0 refused\n")
    assert command("replay", "--id", str(poison))[0] == 0, "it has an envelope and is JSON: a later release may understand it"
    assert house.count("outbox") == 2
    old = park(house.database, withdrawn_need(), age=timedelta(days=99))
    code, refused = command("replay")
    assert (code, f"{old} need_withdrawn: letter_too_old" in refused) == (1, True)
    assert command("drop", "--yes") == (0, "pantry: 1 dropped, 0 refused\n")
    assert house.count("dead_letters WHERE state = 'parked'") == 0


@pytest.fixture
def nation(database: RolledBack) -> Person:
    return administrator_of(database, "")


PATH = "/v1/pantry/dead-letters"


def test_an_administrator_of_the_country_filters_letters(client: Client, database: RolledBack, nation: Person) -> None:
    letters = [park(database, withdrawn_need()) for _ in range(3)] + [park(database, withdrawn_pledge(), IN_BATCHES, reason="unreadable")]
    page = client.get(PATH, nation, limit=3).json
    assert [item["id"] for item in page["items"]] == [str(letter) for letter in letters[:0:-1]]
    assert [item["id"] for item in client.get(PATH, nation, cursor=page["next"]).json["items"]] == [str(letters[0])]
    asked: Callable[..., int] = lambda **query: len(client.get(PATH, nation, **query).json["items"])  # noqa: E731
    assert asked(event="pledge_withdrawn") == asked(reason="unreadable") == 1
    later = (now() + timedelta(minutes=1)).isoformat()
    assert (asked(parked_before=later), asked(parked_after=later), asked(state="dropped")) == (4, 0, 0)
    assert client.get(PATH, nation, event="x; DROP").status_code == 422


def test_nobody_else_may_list_replay_or_drop_letters(client: Client, database: RolledBack) -> None:
    letter = park(database, withdrawn_need())
    county = administrator_of(database, "510903")
    acts = [lambda by: client.get(PATH, by), lambda by: client.get(f"{PATH}/{letter}", by)]
    acts += [lambda by, act=act: client.post(f"{PATH}/{letter}/{act}", by=by) for act in ("replay", "dropping")]
    for act in acts:
        assert [act(by).status_code for by in (county, Person("staff"), Person("donor"), None)] == [403, 403, 403, 401]
    assert replay(database, letter) == "replayed"


def test_a_letter_is_shown_without_free_text(client: Client, database: RolledBack, nation: Person) -> None:
    letter = park(database, withdrawn_need(), body=json.dumps({"need_id": PERSONAL, "version": 3}).encode(), headers={"x": PERSONAL})
    answer = client.get(f"{PATH}/{letter}", nation)
    assert answer.json["fields_shown"]["version"] == "3"
    assert PERSONAL not in answer.text


def test_replaying_and_dropping_over_http_happen_once(
    client: Client, database: RolledBack, nation: Person, caplog: pytest.LogCaptureFixture
) -> None:
    first, second, old = (park(database, withdrawn_need(), age=timedelta(days)) for days in (0, 1, 99))
    key = {"Idempotency-Key": "one"}
    answers = [client.post(f"{PATH}/{first}/replay", by=nation, headers=key) for _ in range(2)]
    assert [(answer.status_code, answer.json["state"]) for answer in answers] == [(202, "replayed")] * 2
    assert answers[0].json["settled_by"] == str(nation.id)
    assert client.post(f"{PATH}/{first}/dropping", by=nation).json["code"] == "state_conflict"
    assert client.post(f"{PATH}/{second}/dropping", by=nation).status_code == 201
    assert client.post(f"{PATH}/{old}/replay", by=nation).json["code"] == "letter_too_old"
    assert client.post(f"{PATH}/{new_id()}/replay", by=nation).status_code == 404
    with database.begin() as session:
        assert session.scalar(text("SELECT count(*) FROM outbox")) == 1
    audited = [(record.message, record.by) for record in caplog.records if hasattr(record, "letter")]
    assert audited == [("a dead letter was replayed", str(nation.id)), ("a dead letter was dropped", str(nation.id))]


def test_the_shown_outline_of_a_body_holds_no_free_text() -> None:
    event = withdrawn_need()
    shown = redact("need_withdrawn", encode(event))
    assert shown["need_id"] == str(event.subject)
    assert redact("need_withdrawn", b'{"region": "510903001001"}')["region"] == "510903001001"
    hostile: list[Any] = [PERSONAL, [PERSONAL], {PERSONAL: PERSONAL}, 13812345678, 1.5, "13812345678", "2026-01-01", "a" * 36, True, None]
    for value in hostile:
        body = json.dumps(dict.fromkeys((*shown, PERSONAL), value)).encode()
        seen = str(redact("need_withdrawn", body))
        assert "奶奶" not in seen
        assert "138" not in seen
    for body in (b"", b"\xff", b"[" * 100_000, b'"x"', json.dumps([PERSONAL]).encode(), b"null", b"7" * 4000, b"7" * 9000):
        assert "奶奶" not in str(redact("need_withdrawn", body))


def test_outline_of_a_body_tells_kinds_and_missing_fields() -> None:
    need, at = str(new_id()), "2026-03-01T08:00:00Z"
    body = {"need_id": need, "version": 999_999, "reason": "other", "region": None, "closed_at": at, "x": 1, "y": 2}
    known = redact("need_closed", json.dumps(body).encode())
    missing = {name: "missing" for name in NeedClosed.__struct_fields__ if name not in body}
    assert known == {name: str(value) for name, value in body.items() if name not in {"region", "x", "y"}} | missing | {
        "region": "null", "": "2 fields that the event does not have",
    }  # fmt: skip
    whole = redact("need_closed", encode(example_of(NeedClosed)))
    assert "" not in whole
    kinds = {10**6: "number", -(10**6): "number", True: "true", 1.5: "number", PERSONAL: f"text of {len(PERSONAL)} characters"}
    for value, kind in kinds.items():
        assert redact("need_closed", json.dumps({"need_id": value}).encode())["need_id"] == kind
    assert redact("need_closed", b'{"need_id": [1, 2], "region": {"a": 1}}')["need_id"] == "list of 2"
    assert redact("need_closed", b'{"need_id": [1, 2], "region": {"a": 1}}')["region"] == "object of 1 fields"
    assert redact("need_closed", b"") == {}
    assert redact("need_closed", b"null") == {"": "null"}
    assert redact("a_gone_event", b"{}") == {"": "an event that is told no more, 2 bytes"}
