"""Delivery: no event is lost or handled twice, even when processes are killed."""

import gzip
import json
import pickle
import signal
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID

import msgspec
import pytest
from keeper import IN_BATCHES, ONE_BY_ONE, House, closed_need, once, soon, unguarded, withdrawn_need, withdrawn_pledge
from msgspec.structs import replace
from pantry.actions import DEADLY, HOLD, PERSONAL, POISON, SLOW
from sqlalchemy import text

from chassis.data.database import new_id, now
from chassis.testing.postgres import Postgres
from contracts.event import Envelope, encode
from contracts.needs import NeedWithdrawn, PledgeWithdrawn


def headers_of(event: Any, name: str) -> dict[str, Any]:
    envelope = Envelope(id=new_id(), name=name, producer="needs", subject=event.subject, recorded_at=now())
    return dict(envelope.headers())


def test_a_published_event_is_handled_and_journalled(house: House) -> None:
    relay, worker = house.relay().ready(), house.worker().ready()
    events = [withdrawn_need(), withdrawn_pledge()]
    house.publish(*events)
    assert soon(lambda: house.taken() == once(*events))
    with house.database.begin() as session:
        bodies = session.execute(text("SELECT name, subject, version, body, told_at >= recorded_at FROM journal ORDER BY id")).all()
    assert [tuple(row) for row in bodies] == [
        ("need_withdrawn", events[0].subject, 1, encode(events[0]).decode(), True),
        ("pledge_withdrawn", events[1].subject, 1, encode(events[1]).decode(), True),
    ]
    assert house.count("outbox") == 0
    assert relay.stop() == 0
    assert worker.stop() == 0


@pytest.mark.parametrize("otherwise", [None, unguarded("without_inbox", "without the inbox an event published twice is handled twice")])
def test_a_relay_killed_before_journalling_duplicates_nothing(house: House, otherwise: str | None) -> None:
    events = [withdrawn_need(), withdrawn_pledge()]
    house.publish(*events)
    assert house.relay("dies_before_journal").ended() == -signal.SIGKILL
    assert house.count("outbox") == 2
    relay, worker = house.relay(), house.worker(otherwise)
    assert soon(lambda: house.count("journal") == 2)
    assert soon(lambda: house.all_settled(NeedWithdrawn, PledgeWithdrawn))
    assert house.taken() == once(*events)
    assert relay.stop() == 0
    assert worker.stop() == 0


@pytest.mark.parametrize("otherwise", [None, unguarded("without_inbox", "without the inbox a redelivered event is handled twice")])
def test_a_worker_killed_before_acknowledging_repeats_nothing(house: House, otherwise: str | None) -> None:
    events = [withdrawn_need(), *(withdrawn_pledge() for _ in range(3))]
    house.publish(*events)
    house.relay().ready()
    assert soon(lambda: house.count("journal") == 4)
    assert house.worker(",".join(filter(None, (otherwise, "dies_before_ack")))).ended() == -signal.SIGKILL
    assert house.taken()
    worker = house.worker(otherwise).ready()
    assert soon(lambda: house.all_settled(NeedWithdrawn, PledgeWithdrawn))
    assert worker.stop() == 0
    assert house.taken() == once(*events)


def test_a_failing_event_is_retried_after_a_pause_then_parked(house: House) -> None:
    house.publish(withdrawn_need(POISON), good := withdrawn_need())
    house.relay()
    worker = house.worker(retry_pause_ms=200)
    assert soon(lambda: house.taken() == once(good))
    assert soon(lambda: house.parked(ONE_BY_ONE))
    failures = [entry for entry in worker.entries() if entry["event"] == "an event could not be handled"]
    assert [(entry["attempt"], entry["parked"]) for entry in failures] == [(1, False), (2, False), (3, True)]
    times = [datetime.fromisoformat(entry["timestamp"]) for entry in failures]
    assert all(later - earlier >= timedelta(milliseconds=200) for earlier, later in pairwise(times))
    [parked] = house.parked(ONE_BY_ONE)
    assert (parked.reason, parked.attempts, parked.name) == ("Spoilt", 3, "need_withdrawn")
    assert parked.headers["ce-id"] == str(parked.event_id)


@pytest.mark.parametrize("otherwise", [None, unguarded("without_single_file", "without single handling the whole batch is parked")])
def test_only_the_failing_event_of_a_batch_is_parked(house: House, otherwise: str | None) -> None:
    good = [withdrawn_pledge() for _ in range(20)]
    house.publish(*good[:10], withdrawn_pledge(POISON), *good[10:])
    house.relay()
    assert soon(lambda: house.count("journal") == 21)
    house.worker(",".join(filter(None, ("in_one_batch", otherwise))), attempts=1)
    assert soon(lambda: house.all_settled(PledgeWithdrawn))
    assert len(house.parked(IN_BATCHES)) == 1
    assert house.taken() == once(*good)


@pytest.mark.parametrize("otherwise", [None, unguarded("without_gathering", "without gathering each event is a batch of its own")])
def test_waiting_events_are_handled_in_batches(house: House, otherwise: str | None) -> None:
    house.publish(*(withdrawn_pledge() for _ in range(500)))
    house.relay()
    assert soon(lambda: house.count("journal") == 500)
    house.worker(otherwise)
    assert soon(lambda: house.taken().total() == 500)
    assert house.count("(SELECT DISTINCT xmin::text FROM taken WHERE name = 'pledge_withdrawn') AS transactions") < 250


@pytest.mark.parametrize("otherwise", [None, unguarded("without_shuffling", "without shuffling the events behind it are never handled")])
def test_an_event_that_kills_workers_does_not_block_the_others(house: House, otherwise: str | None) -> None:
    innocent = [withdrawn_pledge() for _ in range(3)]
    house.publish(withdrawn_pledge(DEADLY), *innocent)
    house.relay()
    assert soon(lambda: house.count("journal") == 4)
    # Each other event comes first in half of the tries, so forty tries miss one with a probability of 10^-11.
    for _ in range(4 if otherwise else 40):
        if house.taken() != once(*innocent):
            assert house.worker(otherwise).ended() == -signal.SIGKILL
    assert house.taken() == once(*innocent)


def test_an_event_over_the_delivery_limit_is_parked_unhandled(house: House) -> None:
    event = withdrawn_need()
    death = {"reason": "delivery_limit", "count": 1, "queue": ONE_BY_ONE.queue}
    house.send(encode(event), headers_of(event, "need_withdrawn") | {"x-death": [death]}, ONE_BY_ONE.queue)
    house.worker()
    assert soon(lambda: house.parked(ONE_BY_ONE))
    [parked] = house.parked(ONE_BY_ONE)
    assert (parked.reason, parked.event_id, parked.attempts) == ("delivery_limit", UUID(parked.headers["ce-id"]), 0)
    assert not house.taken()


BODY = json.dumps(msgspec.to_builtins(withdrawn_need()) | {"reason": PERSONAL, "more": PERSONAL}).encode()


def with_field(**changes: Any) -> bytes:
    return json.dumps({name: value for name, value in (json.loads(BODY) | changes).items() if value is not ...}).encode()


STRANGE: dict[str, tuple[bytes, dict[str, Any]]] = {
    "bad JSON": (b'{"reason": "' + PERSONAL.encode(), {}),
    "binary": (b"\xff\x00{" + PERSONAL.encode(), {}),
    "empty": (b"", {}),
    "a pickle": (pickle.dumps(PERSONAL), {"content_type": "application/x-python-serialize"}),
    "an unknown content type": (BODY, {"content_type": "application/vnd.stranger"}),
    "no content type": (BODY, {"content_type": None}),
    "an unknown content encoding": (BODY, {"content_encoding": "rot13"}),
    "gzip": (gzip.compress(BODY), {"content_encoding": "gzip"}),
    "bad gzip": (b"\x1f\x8b" + PERSONAL.encode(), {"content_encoding": "gzip"}),
    "another charset": (BODY.decode().encode("utf-16"), {"content_encoding": "utf-16"}),
    "100,000 levels deep": (b"[" * 100_000, {}),
    "an integer of 5,000 digits": (BODY.replace(b'"version": 1', b'"version": ' + b"9" * 5000), {}),
    "null": (b"null", {}),
    "a list": (b"[" + BODY + b"]", {}),
    "NaN": (BODY.replace(b'"version": 1', b'"version": NaN'), {}),
    "a missing field": (with_field(need_id=...), {}),
    "fields of wrong types": (with_field(version="1", need_id=PERSONAL), {}),
    "version 0": (with_field(version=0), {}),
    "a negative version": (with_field(version=-1), {}),
    "a version beyond all versions": (with_field(version=2**60), {}),
    "all but 16 MiB, the most that RabbitMQ 4 takes": (with_field(unit=PERSONAL * 250_000), {}),
    "no envelope": (BODY, {"ce-id": None, "ce-type": None, "ce-time": None}),
    "an envelope of wrong types": (BODY, {"ce-id": 5, "ce-time": ["x"], "ce-source": {"a": PERSONAL}}),
    "an id that is none": (BODY, {"ce-id": PERSONAL}),
    "more deaths than anybody counts": (b"[", {"x-death": [{"reason": "rejected", "count": 2**40, "queue": PERSONAL}]}),
    "a time without a zone": (BODY, {"ce-time": "2026-01-01T00:00:00"}),
}
"""Malformed bodies, properties and headers; each holds personal text where it can."""


def table(name: bytes, value: bytes) -> bytes:
    """Encode AMQP properties that hold headers only, with one entry."""
    entry = bytes([len(name)]) + name + value
    return b"\x20\x00" + len(entry).to_bytes(4, "big") + entry


NOT_DECODABLE = {
    "a time beyond all years": table(b"ce-time", b"T" + (2**50).to_bytes(8, "big")),
    "a list within a list, and so on": table(b"x", b"".join(b"A" + (5 * (3000 - depth)).to_bytes(4, "big") for depth in range(1, 3001))),
    "a content type that is no text": b"\x80\x00\x01\xff",
}


@pytest.mark.parametrize(
    "otherwise", [None, unguarded("without_reading_safely", "without safe reading one unreadable event ends every worker in turn")]
)
def test_malformed_messages_are_parked_and_never_logged(house: House, otherwise: str | None) -> None:
    good, last = withdrawn_need(), withdrawn_need()
    # Ready before they come: without its guard, a worker may end with the first of them.
    worker = house.worker(otherwise).ready()
    for body, changes in STRANGE.values():
        properties = {name: value for name, value in changes.items() if name.startswith("content_")}
        headers = headers_of(good, "need_withdrawn") | {name: value for name, value in changes.items() if name not in properties}
        house.send(body, {name: value for name, value in headers.items() if value is not None}, ONE_BY_ONE.queue, **properties)
    for number, not_decodable in enumerate(NOT_DECODABLE.values()):
        # Each has a body of its own: without headers, equal bodies look like one message that came twice.
        house.send_raw(encode(good) + b" " * number, not_decodable, ONE_BY_ONE.queue)
    hostile = {"nameko.call_id_stack": 5, "nameko.locale": [PERSONAL], "nameko.": {"a": PERSONAL}, "x-death": PERSONAL}
    house.send(encode(good), headers_of(good, "need_withdrawn") | hostile, ONE_BY_ONE.queue)
    assert soon(lambda: house.taken() or not worker.lives())
    assert worker.lives()
    assert soon(lambda: len(house.parked(ONE_BY_ONE)) == len(STRANGE) + len(NOT_DECODABLE))
    house.send(encode(last), headers_of(last, "need_withdrawn"), ONE_BY_ONE.queue, content_encoding="utf-8")
    assert soon(lambda: house.taken() == once(good, last))
    assert worker.lives()
    said = worker.log.read_text()
    assert [word for word in (PERSONAL, json.dumps(PERSONAL), "household_id", "rot13", "pickle") if word in said] == []
    assert {letter.reason for letter in house.parked(ONE_BY_ONE)} == {"unreadable"}
    assert sorted(len(letter.body) for letter in house.parked(ONE_BY_ONE)) == sorted(
        [len(body) for body, _ in STRANGE.values()] + [len(encode(good)) + number for number in range(len(NOT_DECODABLE))]
    )


@pytest.mark.parametrize(
    "otherwise", [None, unguarded("without_draining", "without draining the events in flight are not handled in time")]
)
def test_a_stopped_worker_finishes_the_events_in_flight(house: House, otherwise: str | None) -> None:
    events = [withdrawn_need(HOLD) for _ in range(12)]
    house.publish(*events)
    house.relay()
    assert soon(lambda: house.count("journal") == 12)
    with house.held() as held:
        worker = house.worker(",".join(filter(None, ("says_when_it_takes_no_more", otherwise)))).ready()
        assert soon(lambda: held() == 10)
        worker.signal(signal.SIGTERM)
        assert soon(lambda: worker.says(f"{ONE_BY_ONE.queue} takes no more") or not worker.lives())
        assert worker.lives()
    assert worker.ended() == 0
    assert house.taken().total() == 10
    assert soon(lambda: house.waiting(ONE_BY_ONE.queue) == 2)
    house.worker()
    assert soon(lambda: house.taken() == once(*events))


def test_a_handler_prefetches_no_more_than_it_handles_at_once(house: House) -> None:
    events = [replace(closed_need(), version=HOLD) for _ in range(7)]
    for event in events:
        house.send(encode(event), headers_of_closed(event), "pantry.needs.need_closed.v1")
    with house.held() as held:
        house.worker().ready()
        assert soon(lambda: held() == 3)
        assert house.waiting("pantry.needs.need_closed.v1") == 4
    assert soon(lambda: house.count("inbox") == 7)


@pytest.mark.parametrize(
    "otherwise", [None, unguarded("without_wait_selector", "without the wait selector each query blocks the whole process")]
)
def test_ten_slow_queries_take_as_long_as_one(house: House, otherwise: str | None) -> None:
    house.publish(*(withdrawn_need(SLOW) for _ in range(10)))
    house.relay()
    assert soon(lambda: house.count("journal") == 10)
    house.worker(otherwise).ready()
    assert soon(lambda: house.taken().total() == 10)
    with house.database.begin() as session:
        assert session.scalar(text("SELECT max(taken_at) - min(taken_at) FROM taken WHERE name = 'need_withdrawn'")) < timedelta(seconds=5)


def test_an_event_passes_its_trace_to_the_events_it_causes(house: House) -> None:
    trace = f"00-{'a' * 32}-{'b' * 16}-01"
    everything = house.tap()
    house.send(encode(cause := closed_need()), headers_of_closed(cause) | {"traceparent": trace}, "pantry.needs.need_closed.v1")
    house.send(encode(cause := closed_need()), headers_of_closed(cause) | {"traceparent": PERSONAL}, "pantry.needs.need_closed.v1")
    house.worker(), house.relay()
    assert soon(lambda: house.waiting(everything) == 2)
    traces = {message.headers["traceparent"] for message in house.read(everything)}
    assert trace in traces
    assert len(traces) == 2
    assert PERSONAL not in traces


def headers_of_closed(event: Any) -> dict[str, Any]:
    return dict(Envelope(id=new_id(), name="need_closed", producer="needs", subject=event.subject, recorded_at=now()).headers())


@pytest.mark.parametrize(
    "otherwise", [None, unguarded("without_patience", "without retries a database outage uses up the events' attempts")]
)
def test_a_database_outage_uses_up_no_attempt(house: House, postgres: Postgres, otherwise: str | None) -> None:
    worker = house.worker(otherwise).ready()
    events = [withdrawn_need(), *(withdrawn_pledge() for _ in range(3))]
    assert soon(lambda: house.count("taken"))
    postgres.stop()
    try:
        for event, subscription in zip(events, [ONE_BY_ONE, *[IN_BATCHES] * 3], strict=True):
            house.send(encode(event), headers_of(event, subscription.queue.split(".")[2]), subscription.queue)
        troubles = ("database trouble, the work waits", '"attempt"')
        assert soon(lambda: any(map(worker.says, troubles)) or not worker.lives())
    finally:
        postgres.start_again()
        house.database.close()
    assert soon(lambda: house.all_settled(NeedWithdrawn, PledgeWithdrawn) or not worker.lives())
    assert house.taken() == once(*events)
    assert not house.count("dead_letters")
    assert not worker.says('"attempt"')
    assert worker.says("database trouble, the work waits")
    assert worker.stop() == 0


@pytest.mark.parametrize(
    "otherwise", [None, unguarded("acknowledging_when_stopped", "without asking how the work ended, unhandled events are acknowledged")]
)
def test_a_worker_stopped_during_an_outage_keeps_its_events(house: House, postgres: Postgres, otherwise: str | None) -> None:
    worker = house.worker(otherwise).ready()
    told, unreadable = [withdrawn_need(), *(withdrawn_pledge() for _ in range(3))], withdrawn_need()
    assert soon(lambda: house.count("taken"))
    postgres.stop()
    try:
        for event, subscription in zip(told, [ONE_BY_ONE, *[IN_BATCHES] * 3], strict=True):
            house.send(encode(event), headers_of(event, subscription.queue.split(".")[2]), subscription.queue)
        house.send(b"[", headers_of(unreadable, "need_withdrawn"), ONE_BY_ONE.queue)
        waiting = "database trouble, the work waits"
        assert soon(lambda: len([entry for entry in worker.entries() if entry["event"] == waiting]) >= 3)
        worker.signal(signal.SIGTERM)
        assert worker.ended() == 0
        assert soon(lambda: (house.waiting(ONE_BY_ONE.queue), house.waiting(IN_BATCHES.queue)) == (2, 3), seconds=5)
    finally:
        postgres.start_again()
        house.database.close()
    after = house.worker().ready()
    assert soon(lambda: house.all_settled(NeedWithdrawn, PledgeWithdrawn))
    assert house.taken() == once(*told)
    assert [letter.reason for letter in house.parked(ONE_BY_ONE)] == ["unreadable"]
    assert after.stop() == 0


def test_timers_run_on_after_errors_and_heavy_ones_start_later(house: House) -> None:
    worker = house.worker().ready()
    assert soon(lambda: house.count("taken") >= 5)
    assert soon(lambda: len([entry for entry in worker.entries() if entry.get("timer") == "stumble"]) >= 3)
    with house.database.begin() as session:
        assert set(session.scalars(text("SELECT DISTINCT name FROM taken"))) == {"tick"}
    assert worker.stop() == 0


@pytest.mark.parametrize("otherwise", [None, unguarded("without_discretion", "without redaction the log quotes the exception")])
def test_no_log_line_quotes_an_exception(house: House, otherwise: str | None) -> None:
    house.publish(withdrawn_need(POISON), withdrawn_pledge(POISON))
    house.relay()
    worker = house.worker(otherwise)
    assert soon(lambda: house.parked(ONE_BY_ONE) and house.parked(IN_BATCHES))
    assert worker.stop() == 0
    assert worker.says("Spoilt")
    assert not worker.says(PERSONAL)
    assert all(entry["service"] == "pantry" and entry["role"] == "worker" for entry in worker.entries() if "service" in entry)
    assert all({"service", "role", "timestamp", "level"} <= entry.keys() for entry in worker.entries())
