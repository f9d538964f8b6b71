"""Consumers of queues: nameko entrypoints that lose no event and let the inbox skip repeated ones."""

import logging
import random
import time
from collections import deque
from collections.abc import Sequence
from typing import Any

import amqp
import eventlet
import msgspec

from chassis.failures import describe
from chassis.messaging import dead_letters, inbox
from chassis.messaging.background import BackgroundEntrypoint
from chassis.messaging.broker import BROKER_ERRORS, connected
from chassis.messaging.dead_letters import UNREADABLE, park
from chassis.messaging.deliveries import count_failures, exceeded_delivery_limit, headers_as_json, headers_of
from chassis.messaging.inbox import Received
from chassis.messaging.subscription import Handler, Subscription
from chassis.ops import metrics
from contracts.event import Envelope, Event, decode

log = logging.getLogger("chassis.events")


class Handles(BackgroundEntrypoint):
    """The entrypoint of one event, with a connection and a queue of its own. See `chassis.messaging.events.handles`.

    No more than `at_once` unacknowledged events are fetched.
    """

    batch = 1

    def __init__(self, event: type[Event], at_once: int = 10, **options: object) -> None:
        """Take the event type, and how many events may be handled at a time."""
        self.event = event
        self.at_once = at_once
        super().__init__(**options)

    def setup(self) -> None:
        """Prepare the handler and its counters; nameko calls this once before `start`."""
        super().setup()
        self._handler = Handler(Subscription(self.container.service_name, self.event), self.method_name, self.batch)
        self._act = self._handler.list_handler(self._call)
        metrics.initialise(metrics.events_received, self._settings.service, self._handler.name)
        self._pause = 0.2
        self._at_work = eventlet.GreenPool(1000)

    def _run(self) -> None:
        while not self._stopping.ready():
            try:
                with connected(self._settings.broker_url, self._settings.heartbeat_seconds) as connection:
                    self._consume(connection)
            except BROKER_ERRORS as error:
                log.warning(
                    "listening is interrupted",
                    extra={"queue": self._handler.subscription.queue, "error": type(error).__name__, "reason": describe(error)},
                )
                self._stopping.wait(self._pause)
                self._pause = min(self._pause * 2, 5.0)
        self._at_work.waitall()

    def _consume(self, connection: amqp.Connection) -> None:
        arrived: deque[amqp.Message] = deque()
        channel = connection.channel()
        channel.auto_decode = False
        # A batch is handled while the next one is fetched. A single event is handled from its arrival on.
        channel.basic_qos(0, 2 * self.batch if self.batch > 1 else self.at_once, False)
        channel.basic_consume(self._handler.subscription.queue, callback=arrived.append)
        self._pause = 0.2
        self._readiness.reach(self._handler.subscription.queue)
        self._trouble: list[Exception] = []
        while not self._stopping.ready():
            _gather(connection, arrived, self.batch)
            if arrived:
                self._settle(connection, channel, [arrived.popleft() for _ in range(min(self.batch, len(arrived)))])
            if self._trouble:
                raise self._trouble[0]
        _wait(eventlet.spawn(self._at_work.waitall), connection)

    def _settle(self, connection: amqp.Connection, channel: amqp.Channel, messages: Sequence[amqp.Message]) -> None:
        """Handle and acknowledge messages. Handle those alone that failed before or may have killed a process."""
        alone: list[tuple[amqp.Message, Received]] = []
        together: list[tuple[amqp.Message, Received]] = []
        for message in messages:
            received = self._read_message(message)
            if received is None or exceeded_delivery_limit(message):
                why = UNREADABLE if received is None else "delivery_limit"
                if not _wait(self._at_work.spawn(self._park, message, why), connection):
                    return
                metrics.events_received.labels(self._settings.service, self._handler.name, "parked").inc()
                channel.basic_ack(message.delivery_tag)
            else:
                is_suspect = headers_of(message).get("x-delivery-count") or (self.batch > 1 and count_failures(message))
                (alone if is_suspect else together).append((message, received))
        # In random order: otherwise events behind one that kills the process would never be handled.
        random.shuffle(alone)
        for pair in alone:
            if not self._settle_group(connection, channel, [pair]):
                return
        if self.batch > 1:
            if together:
                self._settle_group(connection, channel, together)
        else:
            for message, received in together:
                self._at_work.spawn(self._settle_one, channel, message, received, self._trouble)

    def _settle_one(self, channel: amqp.Channel, message: amqp.Message, received: Received, trouble: list[Exception]) -> None:
        try:
            self._conclude(channel, message, received, self._attempt([received]))
        except Exception as error:
            trouble.append(error)

    def _settle_group(self, connection: amqp.Connection, channel: amqp.Channel, pairs: Sequence[tuple[amqp.Message, Received]]) -> bool:
        """Handle messages in one transaction, or one by one when that fails; False when stopped before all were settled."""
        error = _wait(self._at_work.spawn(self._attempt, [received for _, received in pairs]), connection)
        if len(pairs) == 1:
            return self._conclude(channel, *pairs[0], error)
        if error is None:
            # Everything delivered earlier is settled: the loop ends as soon as something is left open.
            channel.basic_ack(pairs[-1][0].delivery_tag, multiple=True)
            return True
        return not isinstance(error, Interrupted) and all(self._settle_group(connection, channel, [pair]) for pair in pairs)

    def _attempt(self, received: Sequence[Received]) -> Exception | None:
        labels = self._settings.service, self._handler.name

        def work() -> None:
            with metrics.timed(metrics.handler_seconds, *labels):
                handled = inbox.handle(self._database, self._handler.name, received, self._act)
            metrics.batch_events.labels(*labels).observe(len(received))
            metrics.events_received.labels(*labels, "handled").inc(handled)
            metrics.events_received.labels(*labels, "repeated").inc(len(received) - handled)

        try:
            done = inbox.retry_on_database_errors(work, giving_up=self._stopping.ready, pause=self._stopping.wait)
        except Exception as error:
            return error
        return None if done else Interrupted()

    def _conclude(self, channel: amqp.Channel, message: amqp.Message, received: Received, error: Exception | None) -> bool:
        """Acknowledge, reject for a later attempt, or park; False when stopped before the event was handled."""
        if isinstance(error, Interrupted):
            return False
        if error is None:
            channel.basic_ack(message.delivery_tag)
            return True
        attempt = 1 + count_failures(message)
        last = attempt >= self._settings.attempts
        log.error(
            "an event could not be handled",
            exc_info=error,
            extra={"queue": self._handler.subscription.queue, "event_id": str(received.id), "attempt": attempt, "parked": last},
        )
        metrics.events_received.labels(self._settings.service, self._handler.name, "parked" if last else "failed").inc()
        if not last:
            channel.basic_reject(message.delivery_tag, requeue=False)
        elif self._park(message, type(error).__name__, attempt):
            channel.basic_ack(message.delivery_tag)
        else:
            return False
        return True

    def _read_message(self, message: amqp.Message) -> Received | None:
        try:
            said = {f"content-{name}": message.properties.get(f"content_{name}") for name in ("type", "encoding")}
            if not dead_letters.is_json(said):
                raise ValueError("another content type or encoding")
            envelope = Envelope.of(headers_of(message))
            return Received(envelope.id, decode(self.event, message.body), envelope.traceparent)
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            log.error("an event could not be read", extra={"queue": self._handler.subscription.queue, "error": type(error).__name__})
            return None

    def _park(self, message: amqp.Message, why: str, attempts: int = 0) -> bool:
        """Store the message as a dead letter, retrying while the database is unavailable; False when stopped meanwhile."""

        def work() -> None:
            with self._database.begin() as session:
                park(
                    session,
                    self._handler.subscription,
                    headers_as_json(message),
                    _bytes(message.body),
                    why,
                    attempts or count_failures(message),
                )

        return inbox.retry_on_database_errors(work, giving_up=self._stopping.ready, pause=self._stopping.wait)


class HandlesBatch(Handles):
    """The entrypoint of one event in batches. See `chassis.messaging.events.handles_batch`.

    The next batch is fetched while one is handled.
    """

    def __init__(self, event: type[Event], batch: int = 500, **options: Any) -> None:
        super().__init__(event, **options)
        self.batch = batch


class Interrupted(Exception):
    """The process stops before an event was handled: it stays unacknowledged and is delivered again."""


def _read(connection: amqp.Connection, seconds: float) -> bool:
    """Read one frame from the broker; False after `seconds` without one. Raises one of `BROKER_ERRORS` after two silent heartbeats."""
    connection.heartbeat_tick()
    try:
        connection.drain_events(timeout=seconds)
    except TimeoutError:
        return False
    return True


def _bytes(body: str | bytes | memoryview) -> bytes:
    return body.encode() if isinstance(body, str) else bytes(body)


def _gather(connection: amqp.Connection, arrived: deque[amqp.Message], most: int) -> None:
    """Wait up to a second for a message and collect all that are there; while more keep coming, linger for 20 ms."""
    _read(connection, 0.0 if arrived else 1.0)
    linger_until = time.monotonic() + 0.02
    while arrived and len(arrived) < most:
        lingers = len(arrived) > 1 and time.monotonic() < linger_until
        if not _read(connection, 0.002 if lingers else 0.0):
            break


def _wait(thread: Any, connection: amqp.Connection) -> Any:
    """Return the result of a green thread, exchanging heartbeats until it ends."""
    while not thread.dead:
        with eventlet.Timeout(connection.heartbeat / 4, False):
            return thread.wait()
        _read(connection, 0.0)
    return thread.wait()
