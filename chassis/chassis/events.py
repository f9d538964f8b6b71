"""Listening to events: nameko entrypoints that lose nothing and do nothing twice, and timers beside them."""

import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import amqp
import eventlet
import kombu
import msgspec
from eventlet.event import Event as Signal
from nameko.extensions import ENTRYPOINT_EXTENSIONS_ATTR, Entrypoint
from sqlalchemy.orm import Session

from chassis import appointments, idempotency, inbox
from chassis.broker import TROUBLE, Letter, Publisher, connected
from chassis.database import Database
from chassis.inbox import Heard
from chassis.settings import Settings
from chassis.topology import Place
from contracts.event import Envelope, Event, decode, name_of, teller_of
from contracts.users import AdministratorAppointed, AdministratorDismissed

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Handler:
    """One method of a worker and the event it hears. `batch` is the most it takes at once; 1 means one event a call."""

    place: Place
    method: str
    batch: int

    @property
    def name(self) -> str:
        """What the inbox files it under; independent of the method's name."""
        return f"{teller_of(self.place.event)}.{name_of(self.place.event)}"

    def act(self, call: Callable[..., object]) -> Callable[[Session, list[Event]], object]:
        """The method as the inbox wants it: a batch handler takes the list, another each event by itself."""
        if self.batch > 1:
            return call
        return lambda session, events: [call(session, event) for event in events]


def handlers_of(worker: type) -> list[Handler]:
    """Every handler of a worker class, by its queue."""
    found = [
        Handler(Place(worker.name, entrypoint.event), method, entrypoint.batch)  # type: ignore[attr-defined]
        for method, entrypoint in entrypoints_of(worker)
        if isinstance(entrypoint, Handles)
    ]
    return sorted(found, key=lambda handler: handler.place.queue)


def entrypoints_of(worker: type) -> list[tuple[str, Entrypoint]]:
    return [
        (name, entrypoint) for name in sorted(dir(worker)) for entrypoint in getattr(getattr(worker, name), ENTRYPOINT_EXTENSIONS_ATTR, ())
    ]


class _Loop(Entrypoint):  # type: ignore[misc]
    """An entrypoint with a green thread of its own, which ends by itself when the container stops."""

    def setup(self) -> None:
        self._settings: Settings = self.container.config["settings"]
        self._database: Database = self.container.config["database"]
        self._stopping = Signal()
        self._ended = Signal()

    def start(self) -> None:
        self.container.spawn_managed_thread(self._live, identifier=self.method_name)

    def stop(self) -> None:
        if not self._stopping.ready():
            self._stopping.send()
        self._ended.wait()

    def _live(self) -> None:
        try:
            self._run()
        finally:
            self._ended.send()

    def _run(self) -> None:
        raise NotImplementedError

    def _call(self, session: Session, *arguments: object) -> None:
        """Run the method as a nameko worker, dependencies and all; raise what it raised."""
        outcome = Signal()

        def note(_: object, result: object, exc_info: Any) -> tuple[object, Any]:
            outcome.send(exc_info)
            return result, exc_info

        self.container.spawn_worker(self, (session, *arguments), {}, handle_result=note)
        if exc_info := outcome.wait():
            raise exc_info[1]


class Handles(_Loop):
    """`@handles(NeedPublished)`: the method gets a session and the event, in a transaction of its own; acknowledged after commit.

    A failing event comes back after a pause, `attempts` times in all, and is then parked in the queue's `.dead`. While the
    database is in trouble events stay where they are and no attempt is counted. Ten events are handled at a time.
    """

    batch = 1
    at_once = 10

    def __init__(self, event: type[Event], **options: object) -> None:
        self.event = event
        super().__init__(**options)

    def setup(self) -> None:
        super().setup()
        self._handler = Handler(Place(self.container.service_name, self.event), self.method_name, self.batch)
        self._act = self._handler.act(self._call)
        self._arrived: deque[amqp.Message] = deque()

    def _run(self) -> None:
        pause = 0.2
        while not self._stopping.ready():
            try:
                with connected(self._settings.broker_url, self._settings.heartbeat_seconds) as connection:
                    self._consume(connection)
            except TROUBLE as error:
                log.warning("listening is interrupted", extra={"queue": self._handler.place.queue, "error": type(error).__name__})
                self._stopping.wait(pause)
                pause = min(pause * 2, 5.0)

    def _consume(self, connection: kombu.Connection) -> None:
        most = self.batch if self.batch > 1 else self.at_once
        self._arrived.clear()
        channel = connection.channel()
        channel.basic_qos(0, 2 * most, False)
        channel.basic_consume(self._handler.place.queue, callback=self._arrived.append)
        while not self._stopping.ready():
            _read(connection, 0.0 if self._arrived else 1.0)
            self._linger(connection, most)
            if self._arrived:
                taken = [self._arrived.popleft() for _ in range(min(most, len(self._arrived)))]
                self._settle(connection, channel, taken)

    def _linger(self, connection: kombu.Connection, most: int) -> None:
        """Fill the batch while more keeps arriving, for 20 ms at most."""
        deadline = time.monotonic() + 0.02
        while 1 < len(self._arrived) < most and time.monotonic() < deadline and _read(connection, 0.002):
            pass

    def _settle(self, connection: kombu.Connection, channel: amqp.Channel, messages: Sequence[amqp.Message]) -> None:
        """Handle and acknowledge: what is delivered anew goes alone, since it may be what brought a process down; the rest together."""
        readable: list[tuple[amqp.Message, Heard]] = []
        for message in messages:
            heard = self._read_message(message)
            if heard is None or _died_of_deliveries(message):
                self._park(message, "unreadable" if heard is None else "delivery_limit")
                channel.basic_ack(message.delivery_tag)
            else:
                readable.append((message, heard))
        alone = [pair for pair in readable if _headers(pair[0]).get("x-delivery-count")]
        together = [pair for pair in readable if pair not in alone] if alone else readable
        for pair in alone:
            self._settle_group(connection, channel, [pair])
        if self.batch > 1:
            if together:
                self._settle_group(connection, channel, together)
        elif together:
            threads = [eventlet.spawn(self._attempt, [heard]) for _, heard in together]
            for (message, heard), thread in zip(together, threads, strict=True):
                self._conclude(channel, message, heard, _wait(thread, connection))

    def _settle_group(self, connection: kombu.Connection, channel: amqp.Channel, pairs: Sequence[tuple[amqp.Message, Heard]]) -> None:
        error = _wait(eventlet.spawn(self._attempt, [heard for _, heard in pairs]), connection)
        if error is None and len(pairs) > 1:
            channel.basic_ack(pairs[-1][0].delivery_tag, multiple=True)
        elif len(pairs) == 1:
            self._conclude(channel, *pairs[0], error)
        elif not isinstance(error, Interrupted):
            for pair in pairs:
                self._settle_group(connection, channel, [pair])

    def _attempt(self, heard: Sequence[Heard]) -> Exception | None:
        def work() -> None:
            inbox.handle(self._database, self._handler.name, heard, self._act)

        try:
            done = inbox.patiently(work, giving_up=self._stopping.ready, pause=eventlet.sleep)
        except Exception as error:
            return error
        return None if done else Interrupted()

    def _conclude(self, channel: amqp.Channel, message: amqp.Message, heard: Heard, error: Exception | None) -> None:
        if isinstance(error, Interrupted):
            return
        if error is None:
            channel.basic_ack(message.delivery_tag)
            return
        attempt = 1 + sum(death["count"] for death in _deaths(message) if death.get("reason") == "rejected")
        last = attempt >= self._settings.attempts
        log.error(
            "an event could not be handled",
            exc_info=error,
            extra={"queue": self._handler.place.queue, "event_id": str(heard.id), "attempt": attempt, "parked": last},
        )
        if last:
            self._park(message, type(error).__name__)
            channel.basic_ack(message.delivery_tag)
        else:
            channel.basic_reject(message.delivery_tag, requeue=False)

    def _read_message(self, message: amqp.Message) -> Heard | None:
        try:
            envelope = Envelope.of(_headers(message))
            body = message.body.encode() if isinstance(message.body, str) else message.body
            return Heard(envelope.id, decode(self.event, body), envelope.traceparent)
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            log.error("an event could not be read", extra={"queue": self._handler.place.queue, "error": type(error).__name__})
            return None

    def _park(self, message: amqp.Message, why: str) -> None:
        """Into `.dead`, over a connection of its own: publishing on the consumer's could read what another thread waits for."""
        properties = dict(message.properties)
        properties["application_headers"] = {**_headers(message), "x-parked-because": why}
        properties["delivery_mode"] = 2
        properties.setdefault("message_id", "parked")
        parked = amqp.Message(message.body, **properties)
        with connected(self._settings.broker_url, self._settings.heartbeat_seconds) as connection:
            safe, unwanted = Publisher(connection, confirm_seconds=10).publish([Letter("", self._handler.place.dead, parked)])
        if not safe or unwanted:
            raise amqp.ChannelError(f"{self._handler.place.dead} does not take what is to be parked")


class HandlesBatch(Handles):
    """`@handles_batch(NeedPublished, batch=500)`: as `@handles`, with a list of events in one transaction.

    A batch that fails is tried again one by one, so that a bad event is parked alone.
    """

    def __init__(self, event: type[Event], batch: int = 500, **options: object) -> None:
        super().__init__(event, **options)
        self.batch = batch


class Every(_Loop):
    """`@every(seconds=5)`: the method gets a session, in a transaction of its own, again and again. Any number of replicas may run it."""

    def __init__(self, seconds: float, **options: object) -> None:
        self.seconds = seconds
        super().__init__(**options)

    def _run(self) -> None:
        while not self._stopping.ready():
            try:
                with self._database.begin() as session:
                    self._call(session)
            except Exception as error:
                log.error("a timer failed, it goes on", exc_info=error, extra={"timer": self.method_name})
            with eventlet.Timeout(self.seconds, False):
                self._stopping.wait()


class Interrupted(Exception):
    """The process stops; the events stay unacknowledged and come back."""


handles = Handles.decorator
handles_batch = HandlesBatch.decorator
every = Every.decorator


class ServiceWorker:
    """What every worker does besides its own: knows who manages which region, and forgets what is too old to matter."""

    @handles_batch(AdministratorAppointed)
    def on_administrator_appointed(self, session: Session, events: list[AdministratorAppointed]) -> None:
        appointments.note(session, events)

    @handles_batch(AdministratorDismissed)
    def on_administrator_dismissed(self, session: Session, events: list[AdministratorDismissed]) -> None:
        appointments.note(session, events)

    @every(seconds=3600)
    def forget(self, session: Session) -> None:
        inbox.forget(session)
        idempotency.forget(session)


def _headers(message: amqp.Message) -> dict[str, Any]:
    return message.headers or {}


def _deaths(message: amqp.Message) -> list[dict[str, Any]]:
    deaths = _headers(message).get("x-death")
    return [death for death in deaths if isinstance(death, dict)] if isinstance(deaths, list) else []


def _died_of_deliveries(message: amqp.Message) -> bool:
    return any(death.get("reason") == "delivery_limit" for death in _deaths(message))


def _read(connection: kombu.Connection, seconds: float) -> bool:
    """Take in what the broker sends; False when nothing came in time. Raises one of `TROUBLE` when it has been silent for too long."""
    connection.heartbeat_check()
    try:
        connection.drain_events(timeout=seconds or 0.0005)
    except TimeoutError:
        return False
    return True


def _wait(thread: Any, connection: kombu.Connection) -> Exception | None:
    """Wait for a handler, keeping the connection alive meanwhile."""
    while not thread.dead:
        with eventlet.Timeout(5, False):
            return thread.wait()  # type: ignore[no-any-return]
        _read(connection, 0.0)
    return thread.wait()  # type: ignore[no-any-return]
