"""Relay and broker: confirmed events are journalled, others stay pending, a silent broker is noticed."""

import itertools
import subprocess
import sys
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import amqp
import pytest
from keeper import IN_BATCHES, ONE_BY_ONE, SUBSCRIPTIONS, House, once, soon, unguarded, withdrawn_need, withdrawn_pledge
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session
from swallowing import way_to

from chassis import relay, topology
from chassis.data.database import is_transient, new_id, now
from chassis.messaging import inbox, journal, outbox
from chassis.messaging.broker import BROKER_ERRORS, Message, Publisher, connected, message_for
from chassis.messaging.inbox import Received
from chassis.messaging.subscription import Subscription
from chassis.relay import Relay
from chassis.testing.rabbitmq import RabbitMQ
from contracts.event import Envelope, Event, decode, encode
from contracts.needs import NeedRejected, NeedWithdrawn


def ids(messages: list[amqp.Message]) -> Counter[str]:
    return Counter(message.headers["ce-id"] for message in messages)


@pytest.mark.parametrize("otherwise", [None, unguarded("without_locks", "without row locks two relays publish the same events")])
def test_several_relays_publish_each_event_once(house: House, otherwise: str | None) -> None:
    everything = house.tap()
    relays = [house.relay(",".join(filter(None, ("held_before_journal", otherwise)))).ready() for _ in range(2)]
    with house.held() as held:
        for number in (1, 2):
            house.publish(*(withdrawn_need() for _ in range(50)))
            assert soon(lambda number=number: held() >= number)
    for _ in range(18):
        house.publish(*(withdrawn_need() for _ in range(50)))
    assert soon(lambda: house.count("journal") == 1000)
    published = ids(house.read(everything))
    assert len(published) == published.total() == 1000
    assert [one.stop() for one in relays] == [0, 0]


@pytest.mark.parametrize("otherwise", [None, unguarded("without_heartbeats", "without heartbeats a silent connection is not noticed")])
def test_a_frozen_broker_is_noticed_and_served_when_it_thaws(house: House, rabbitmq: RabbitMQ, otherwise: str | None) -> None:
    relay, worker = house.relay(otherwise, heartbeat_seconds=1).ready(), house.worker(otherwise, heartbeat_seconds=1).ready()
    house.publish(first := withdrawn_need())
    assert soon(lambda: house.taken() == once(first))
    rabbitmq.freeze()
    try:
        assert soon(lambda: relay.says("telling is interrupted") and worker.says("listening is interrupted"), 8 if otherwise else 40)
        house.publish(second := withdrawn_need(), third := withdrawn_pledge())
    finally:
        rabbitmq.thaw()
    assert soon(lambda: house.taken() == once(first, second, third))
    assert relay.stop() == 0
    assert worker.stop() == 0


def test_a_silent_connection_is_noticed_after_two_heartbeats(house: House, rabbitmq: RabbitMQ) -> None:
    with way_to(rabbitmq.port) as way:
        settings = {"broker_url": house.broker_url.replace(f":{rabbitmq.port}/", f":{way.port}/"), "heartbeat_seconds": 2}
        relay, worker = house.relay(**settings).ready(), house.worker(**settings).ready()
        house.publish(first := withdrawn_need())
        assert soon(lambda: house.taken() == once(first))
        way.swallows.set()
        assert soon(lambda: relay.says("telling is interrupted") and worker.says("listening is interrupted"))
        house.publish(second := withdrawn_need(), third := withdrawn_pledge())
        way.swallows.clear()
        assert soon(lambda: house.taken() == once(first, second, third))
        assert relay.stop() == 0
        assert worker.stop() == 0


@pytest.mark.parametrize("letters", [1, 200], ids=["little", "more than fits on the way"])
def test_a_publisher_stops_waiting_at_its_confirm_timeout(house: House, rabbitmq: RabbitMQ, letters: int) -> None:
    with connected(house.broker_url, 20) as connection:
        publisher = Publisher(connection, confirm_seconds=0.5)
        rabbitmq.freeze()
        try:
            began = time.monotonic()
            with pytest.raises(BROKER_ERRORS):
                publisher.publish(large_letters(letters))
            assert 0.4 < time.monotonic() - began < 30
        finally:
            rabbitmq.thaw()


def test_closing_a_frozen_connection_takes_at_most_a_second(house: House, rabbitmq: RabbitMQ) -> None:
    with connected(house.broker_url, 20):
        rabbitmq.freeze()
        began = time.monotonic()
    try:
        assert time.monotonic() - began < 15
    finally:
        rabbitmq.thaw()


def letter_of(event: Event, queue: str | None = None) -> Message:
    envelope = Envelope(id=new_id(), name="need_withdrawn", producer="needs", subject=event.subject, recorded_at=now())
    return message_for(envelope, encode(event), queue)


def large_letters(count: int) -> list[Message]:
    """Make large messages to a queue that does not exist, so that the broker returns each."""
    return [Message("", "nowhere", amqp.Message(b"x" * 200_000, message_id=str(number))) for number in range(count)]


@pytest.mark.parametrize("reads", [True, unguarded(False, "without reading while writing both sides block")])
def test_a_batch_larger_than_the_buffers_does_not_deadlock(
    house: House, rabbitmq: RabbitMQ, monkeypatch: pytest.MonkeyPatch, reads: bool
) -> None:
    if not reads:
        monkeypatch.setattr(Publisher, "_read", lambda self: None)
    with (
        way_to(rabbitmq.port, one_at_a_time=True) as way,
        connected(house.broker_url.replace(f":{rabbitmq.port}/", f":{way.port}/"), 20) as connection,
    ):
        try:
            safe, unwanted = Publisher(connection, 60 if reads else 5).publish(large_letters(200))
        except BROKER_ERRORS as error:
            pytest.fail(type(error).__name__)
    assert safe == unwanted == set(range(200))


@pytest.mark.parametrize(
    "otherwise",
    [
        None,
        unguarded({"_on_nack": Publisher._on_ack}, "without the nack callback a refused event counts as published"),
        unguarded({"_on_return": lambda *_: None}, "without the return callback an unroutable event counts as published"),
    ],
)
def test_refused_and_returned_messages_of_a_batch_are_found(
    house: House, monkeypatch: pytest.MonkeyPatch, otherwise: dict[str, Any] | None
) -> None:
    for name, change in (otherwise or {}).items():
        monkeypatch.setattr(Publisher, name, change)
    with house.channel() as channel:
        channel.queue_declare("full", durable=True, auto_delete=False, arguments={"x-max-length": 0, "x-overflow": "reject-publish"})
    everything, batch = house.tap(), range(1000)
    refused, unwanted = set(batch[3::70]), set(batch[5::110])
    queues = dict.fromkeys(refused, "full") | dict.fromkeys(unwanted, "nowhere")
    letters = [letter_of(withdrawn_need(), queues.get(position, everything)) for position in batch]
    letters[500] = Message("", everything, amqp.Message("救" * 100_000, message_id="long"))
    with connected(house.broker_url, 20) as connection:
        publisher = Publisher(connection, 60)
        for _ in range(2):
            assert publisher.publish(letters) == (set(batch) - refused, unwanted)
    kept = [one.message for position, one in enumerate(letters) if position not in refused | unwanted]
    arrived = [(message.properties, message.body.decode()) for message in house.read(everything)]
    assert arrived == 2 * [(message.properties, body_of(message)) for message in kept]


def body_of(message: amqp.Message) -> str:
    return message.body if isinstance(message.body, str) else message.body.decode()


@pytest.mark.parametrize("traceparent", [None, f"00-{'a' * 32}-{'b' * 16}-01"])
def test_event_properties_are_encoded_as_amqp_prescribes(traceparent: str | None) -> None:
    envelope = Envelope(id=new_id(), name="need_withdrawn", producer="needs", subject=new_id(), recorded_at=now(), traceparent=traceparent)
    message = message_for(envelope, "{}").message
    assert message._serialize_properties() == amqp.Message("{}", **message.properties)._serialize_properties()
    assert message.headers == envelope.headers()


class Undone(Exception):
    """Raised to roll a transaction back."""


def test_an_event_stays_pending_only_if_a_listener_misses_it(
    house: House, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with house.channel() as channel:
        for subscription in SUBSCRIPTIONS:
            channel.queue_unbind(subscription.queue, "needs.events", "need_withdrawn")
            channel.queue_unbind(subscription.queue, "needs.events", "pledge_withdrawn")
    monkeypatch.setattr(relay, "listeners", lambda: {"pledge_withdrawn": ["pantry"]})
    monkeypatch.setattr(relay, "UNROUTED_PAUSE_SECONDS", 0.2)
    house.publish(withdrawn_need(), missed := withdrawn_pledge(), withdrawn_need())
    own_relay = Relay(house.settings())
    with connected(house.broker_url, 20) as connection:
        publisher = Publisher(connection, 40)
        assert own_relay.publish_batch(publisher) == 2
        with house.database.begin() as session:
            assert outbox.pending(session) == [missed]
        [record] = [record for record in caplog.records if record.levelname == "ERROR"]
        assert record.events == ["pledge_withdrawn"]
        house.publish(withdrawn_need())
        assert own_relay.publish_batch(publisher) == 1
        house.declare()
        time.sleep(0.2)
        assert own_relay.publish_batch(publisher) == 1
    assert house.count("outbox") == 0
    assert house.waiting(IN_BATCHES.queue) == 1


def test_rolled_back_events_are_not_published(house: House) -> None:
    before, undone, done, after = (withdrawn_need() for _ in range(4))
    with house.database.begin() as session:
        outbox.add(session, before)
        with suppress(Undone), session.begin_nested():
            outbox.add(session, undone)
            raise Undone
        with session.begin_nested():
            outbox.add(session, done)
        outbox.add(session, after)
    with suppress(Undone), house.database.begin() as session:
        outbox.add(session, undone)
        raise Undone
    with Session(house.database.engine) as session:
        outbox.add(session, undone)
        session.rollback()
        session.commit()
        assert outbox.pending(session) == [before, done, after]


def test_events_that_the_broker_refuses_stay_in_the_outbox(house: House) -> None:
    with house.channel() as channel:
        full = {"x-max-length": 0, "x-overflow": "reject-publish"}
        channel.queue_declare("full", durable=True, auto_delete=False, arguments=full)
        channel.queue_bind("full", "needs.events", "need_withdrawn")
    house.publish(refused := withdrawn_need(), withdrawn_pledge())
    with connected(house.broker_url, 20) as connection:
        assert Relay(house.settings()).publish_batch(Publisher(connection, 40)) == 1
    with house.database.begin() as session:
        assert outbox.pending(session) == [refused]


def test_a_refused_event_does_not_block_younger_ones(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relay, "BATCH", 3)
    with house.channel() as channel:
        full = {"x-max-length": 0, "x-overflow": "reject-publish"}
        channel.queue_declare("full", durable=True, auto_delete=False, arguments=full)
        channel.queue_bind("full", "needs.events", "need_withdrawn")
    house.publish(*(withdrawn_need() for _ in range(3)))
    house.publish(withdrawn_pledge())
    own_relay = Relay(house.settings())
    with connected(house.broker_url, 20) as connection:
        publisher = Publisher(connection, 40)
        assert [own_relay.publish_batch(publisher), own_relay.publish_batch(publisher)] == [0, 1]
    assert house.count("outbox") == 3


def test_the_journal_drops_old_daily_partitions(house: House) -> None:
    def pages() -> list[str]:
        with house.database.begin() as session:
            return list(session.scalars(text("SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'journal'::regclass")))

    def turn(at: datetime) -> None:
        with house.database.begin() as session:
            journal.maintain_partitions(session, days_kept=3, at=at)

    first = datetime(2026, 12, 30, 23, 59, tzinfo=UTC)
    turn(first)
    turn(first)
    assert sorted(pages()) == ["journal_20261230", "journal_20261231", "journal_20270101"]
    turn(first + timedelta(days=5))
    assert sorted(pages()) == ["journal_20270101", "journal_20270104", "journal_20270105", "journal_20270106"]


def test_a_relay_adds_the_partition_of_a_new_day(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    own_relay = Relay(house.settings())
    with connected(house.broker_url, 20) as connection:
        publisher = Publisher(connection, 40)
        own_relay.publish_batch(publisher)
        before = house.count("pg_inherits WHERE inhparent = 'journal'::regclass")
        for module in (relay, journal):
            monkeypatch.setattr(module, "now", lambda: now() + timedelta(days=4))
        house.publish(withdrawn_need())
        assert own_relay.publish_batch(publisher) == 1
    assert house.count("pg_inherits WHERE inhparent = 'journal'::regclass") == before + 3


def test_reading_the_journal_over_midnight_blocks_no_relay(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    own_relay = Relay(house.settings())
    with connected(house.broker_url, 20) as connection, house.database.begin() as reader:
        publisher = Publisher(connection, 40)
        own_relay.publish_batch(publisher)
        reader.execute(text("SELECT count(*) FROM journal"))
        for module in (relay, journal):
            monkeypatch.setattr(module, "now", lambda: now() + timedelta(days=1))
        house.publish(withdrawn_need())
        started = time.monotonic()
        assert own_relay.publish_batch(publisher) == 1
        assert time.monotonic() - started < 10
        pages = house.count("pg_inherits WHERE inhparent = 'journal'::regclass")
        reader.rollback()
        monkeypatch.setattr(own_relay, "_next_attempt_at", 0.0)
        own_relay.publish_batch(publisher)
    assert house.count("pg_inherits WHERE inhparent = 'journal'::regclass") == pages + 1


def test_an_idle_in_transaction_timeout_counts_as_passing(house: House) -> None:
    def freeze() -> None:
        with house.database.begin() as session:
            session.execute(text("SET LOCAL idle_in_transaction_session_timeout = '50ms'"))
            time.sleep(0.5)
            session.execute(text("SELECT 1"))

    with pytest.raises(DBAPIError) as caught:
        freeze()
    assert is_transient(caught.value)


def test_declaring_twice_changes_nothing(house: House) -> None:
    house.publish(withdrawn_need())
    house.relay().ready()
    assert soon(lambda: house.waiting(ONE_BY_ONE.queue))
    before = house.broker.queues(house.vhost)
    house.declare()
    assert house.broker.queues(house.vhost) == before


def declared(house: House, patience_seconds: float = 60, **environment: str) -> tuple[int, str, float]:
    began = time.monotonic()
    step = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", "import sys; from chassis import topology; sys.argv[1:] = ['pantry'];"
         f" topology.main({patience_seconds})"],
        env=house.environment | environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return step.returncode, step.stderr, time.monotonic() - began


def test_declaring_other_arguments_fails_at_once_with_a_reason(house: House) -> None:
    assert declared(house)[0] == 0
    code, said, seconds = declared(house, RETRY_PAUSE_MS="999")
    assert code == 1
    assert seconds < 55
    assert "pantry: the broker refuses the topology: PreconditionFailed" in said
    assert "x-message-ttl" in said


def test_declaring_gives_up_when_the_broker_is_unreachable(house: House) -> None:
    code, said, seconds = declared(house, patience_seconds=1, BROKER_URL="amqp://guest:guest@127.0.0.1:9//")
    assert code == 1
    assert seconds < 55
    assert "pantry: topology not declared: the broker cannot be reached (Connection refused)" in said


def test_queues_without_a_handler_are_listed(house: House) -> None:
    old = Subscription("pantry", NeedRejected)
    with house.channel() as channel, house.database.begin() as session:
        topology.declare(channel, "pantry", [*SUBSCRIPTIONS, old], retry_pause_ms=200)
        topology.record(session, [*SUBSCRIPTIONS, old])
    house.send(b"left behind", {}, old.queue)
    with connected(house.broker_url, 20) as connection:
        for _ in range(2):
            with house.database.begin() as session:
                assert topology.orphans(session, connection, SUBSCRIPTIONS) == {old.queue: 1, old.retry: 0}
        for name in (old.queue, old.retry):
            connection.channel().queue_delete(name)
        with house.database.begin() as session:
            assert topology.orphans(session, connection, SUBSCRIPTIONS) == {}
            assert session.scalar(text("SELECT count(*) FROM queues")) == 2 * len(SUBSCRIPTIONS)


def test_the_topology_command_lists_orphaned_queues(house: House) -> None:
    assert declared(house)[0] == 0
    assert house.count("queues") == 2 * len(SUBSCRIPTIONS)
    with house.database.begin() as session:
        session.execute(text("INSERT INTO queues VALUES ('pantry.needs.need_offered.v1', now())"))
    with house.channel() as channel:
        channel.queue_declare("pantry.needs.need_offered.v1", durable=True, auto_delete=False)
    listed = house.start("chassis.topology", "--orphans", "pantry")
    assert listed.ended() == 0
    assert listed.entries() == [{"queue": "pantry.needs.need_offered.v1", "waiting": 0}]


def test_every_queue_sets_its_delivery_limit(house: House) -> None:
    """Newer brokers have a default limit, which is too low."""
    for subscription in SUBSCRIPTIONS:
        for name, to, pause in ((subscription.queue, subscription.retry, None), (subscription.retry, subscription.queue, 200)):
            otherwise = topology._queue(name, to, pause).queue_arguments | {"x-delivery-limit": 20}
            with house.channel() as channel, pytest.raises(amqp.PreconditionFailed, match=r"arg 'x-delivery-limit'.*current is '50'"):
                channel.queue_declare(name, durable=True, auto_delete=False, arguments=otherwise)


def test_any_amqp_program_can_listen(house: House) -> None:
    everything = house.tap()
    house.publish(event := withdrawn_need())
    house.relay().ready()
    assert soon(lambda: house.waiting(everything))
    [message] = house.read(everything)
    assert message.properties["content_type"] == "application/json"
    assert decode(NeedWithdrawn, message.body) == event
    assert message.headers["ce-type"] == "need_withdrawn"
    assert message.headers["ce-source"] == "/duijie/needs"
    assert Envelope.of(message.headers).subject == event.subject


def hear(house: House, heard: list[Received]) -> bool:
    """Handle a batch; tell whether it succeeded without a deadlock."""
    try:
        with house.database.begin() as session:
            session.execute(text("SET LOCAL deadlock_timeout = '50ms'"))
            inbox.record_new(session, "needs.pledge_withdrawn", heard)
    except DBAPIError as error:
        assert is_transient(error)
        return False
    return True


@pytest.mark.parametrize("is_sorted", [True, unguarded(False, "without sorting two batches wait for each other's rows")])
def test_batches_that_overlap_do_not_deadlock(house: House, monkeypatch: pytest.MonkeyPatch, is_sorted: bool) -> None:
    if not is_sorted:
        descending = itertools.cycle((False, True))
        monkeypatch.setattr(inbox, "sorted", lambda ids: sorted(ids, reverse=next(descending)), raising=False)
    heard = [Received(new_id(), withdrawn_pledge()) for _ in range(3)]
    with ThreadPoolExecutor(2) as threads:
        with house.database.begin() as session:
            inbox.record_new(session, "needs.pledge_withdrawn", [heard[1]])
            through = [threads.submit(hear, house, heard) for _ in range(2)]
            assert soon(lambda: house.count("pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'") == 2)
            session.rollback()
        assert all(one.result() for one in through)


@pytest.mark.parametrize("is_patient", [True, unguarded(False, "without retries a deadlock counts as a failed attempt")])
def test_a_deadlocked_batch_is_repeated_whole(house: House, monkeypatch: pytest.MonkeyPatch, is_patient: bool) -> None:
    if not is_patient:
        monkeypatch.setattr(inbox, "is_transient", lambda error: False)
    meet, tries, shared = threading.Barrier(2), Counter[int](), Received(new_id(), withdrawn_pledge())
    with house.database.begin() as session:
        session.execute(text("CREATE TABLE shelves AS SELECT * FROM (VALUES (1, 0), (2, 0)) AS shelf (id, put)"))

    def put(first: int) -> bool:
        def act(session: Any, events: list[Any]) -> None:
            session.execute(text("SET LOCAL deadlock_timeout = '50ms'"))
            for shelf in (first, 3 - first):
                session.execute(text("UPDATE shelves SET put = put + :count WHERE id = :id"), {"count": len(events), "id": shelf})
                if not tries[first] and shelf == first:
                    tries[first] += 1
                    meet.wait(60)

        own = [Received(new_id(), withdrawn_pledge()) for _ in range(3)]
        try:
            return inbox.retry_on_database_errors(
                lambda: inbox.handle(house.database, f"handler {first}", [*own, shared], act), lambda: False
            )
        except DBAPIError:
            return False

    with ThreadPoolExecutor(2) as threads:
        assert list(threads.map(put, (1, 2))) == [True, True]
    with house.database.begin() as session:
        assert session.scalars(text("SELECT put FROM shelves")).all() == [8, 8]
    assert house.count("inbox") == 8


def test_an_event_twice_in_one_batch_is_handled_once(house: House) -> None:
    one, other = Received(new_id(), withdrawn_pledge()), Received(new_id(), withdrawn_pledge())
    with house.database.begin() as session:
        assert inbox.record_new(session, "needs.pledge_withdrawn", [one, other, one]) == [one.event, other.event]
    with house.database.begin() as session:
        assert inbox.record_new(session, "needs.pledge_withdrawn", [other, one]) == []
        assert inbox.record_new(session, "another.handler", [one]) == [one.event]


def test_a_failed_event_is_not_in_the_inbox(house: House) -> None:
    def act(*_: object) -> None:
        raise ValueError

    with pytest.raises(ValueError):
        inbox.handle(house.database, "needs.pledge_withdrawn", [Received(new_id(), withdrawn_pledge())], act)
    assert house.count("inbox") == 0


def test_the_inbox_forgets_after_ninety_days(house: House) -> None:
    with house.database.begin() as session:
        inbox.record_new(
            session, "needs.pledge_withdrawn", [Received(new_id(), withdrawn_pledge()), Received(new_id(), withdrawn_pledge())]
        )
        session.execute(
            text("UPDATE inbox SET handled_at = now() - interval '91 days' WHERE event_id = (SELECT min(event_id::text)::uuid FROM inbox)")
        )
        inbox.delete_expired(session)
    assert house.count("inbox") == 1
