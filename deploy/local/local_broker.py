"""The broker of the laptop house: delivers outbox rows to handlers, runs timers and the services' own roles.

Each outbox row becomes one delivery per listening queue, in the producer's own database. A delivery is deleted once its listener has
committed or parked it. The handlers and the inbox are the same as in the workers.
"""

import json
import logging
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from typing import Any
from uuid import UUID

import msgspec
import psycopg
from sqlalchemy import text
from sqlalchemy.orm import Session

from chassis.data.database import Database, is_transient
from chassis.data.pg_notify import listen
from chassis.environment import read_all
from chassis.failures import one_line_failures
from chassis.messaging import inbox, journal, outbox
from chassis.messaging.dead_letters import UNREADABLE, park
from chassis.messaging.events import Handler, entrypoints_of, handlers_of
from chassis.messaging.inbox import Received
from chassis.messaging.timers import Every
from chassis.ops import telemetry
from chassis.settings import Settings
from chassis.start import read_settings
from contracts.event import decode, name_of
from deploy.services import Service, services

log = logging.getLogger("deploy.local.local_broker")
BATCH = 500
JSON = {"content-type": "application/json"}

_TABLE = text(
    """
    CREATE TABLE IF NOT EXISTS deliveries (
        queue varchar(200), event_id uuid, headers jsonb NOT NULL, body text NOT NULL, attempts int NOT NULL DEFAULT 0,
        due_at timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (queue, event_id)
    )
    """
)
_OF_OLD = text("ALTER TABLE deliveries ADD COLUMN IF NOT EXISTS headers jsonb NOT NULL DEFAULT '{}'")
_POST = text(
    "INSERT INTO deliveries (queue, event_id, headers, body)"
    " SELECT * FROM unnest(CAST(:queues AS text[]), CAST(:ids AS uuid[]), CAST(:headers AS jsonb[]), CAST(:bodies AS text[]))"
    " ON CONFLICT DO NOTHING"
)
_QUEUES_DUE = text("SELECT DISTINCT queue FROM deliveries WHERE due_at <= clock_timestamp()")
_DUE = text(
    "SELECT event_id, headers, body FROM deliveries WHERE queue = :queue AND due_at <= clock_timestamp()"
    f" ORDER BY event_id LIMIT {BATCH} FOR UPDATE SKIP LOCKED"
)
_DELIVERED = text("DELETE FROM deliveries WHERE queue = :queue AND event_id = ANY(CAST(:ids AS uuid[]))")
_FAILED = text(
    "UPDATE deliveries SET attempts = attempts + 1,"
    " due_at = clock_timestamp() + CAST(:pause AS double precision) * interval '1 millisecond'"
    " WHERE queue = :queue AND event_id = :id"
)
_ATTEMPTS = text("SELECT attempts FROM deliveries WHERE queue = :queue AND event_id = :id")


@dataclass(frozen=True)
class Listener:
    """One queue of the house, with the database and the method of its listener."""

    database: Database
    handler: Handler
    act: Callable[[Any, list[Any]], object]

    @property
    def addresses(self) -> tuple[str, str]:
        """Addresses of outbox rows for this queue: the event's name, or the queue itself."""
        return name_of(self.handler.subscription.event), self.handler.subscription.queue


class LocalBroker:
    """Delivers the events of one producer, one batch after the other. A house runs one process of it."""

    def __init__(self, settings: Settings, database: Database, listeners: Sequence[Listener]) -> None:
        self._settings = settings
        self._database = database
        self._listeners = listeners
        self.stopping = threading.Event()
        self._nowhere: set[str] = set()
        with database.begin() as session:
            session.execute(_TABLE)
            session.execute(_OF_OLD)
            self.maintain_journal(session)

    def maintain_journal(self, session: Session) -> None:
        journal.maintain_partitions(session, self._settings.journal_days)

    def deliver(self) -> int:
        """Turn outbox rows into deliveries and hand due ones over; return how many rows and deliveries there were."""
        collected = self._collect_outbox()
        with self._database.begin() as session:
            due = set(session.scalars(_QUEUES_DUE))
        return collected + sum(self._hand_over(listener) for listener in self._listeners if listener.handler.subscription.queue in due)

    def _collect_outbox(self) -> int:
        with self._database.begin() as session:
            known = {address for listener in self._listeners for address in listener.addresses}
            rows = outbox.lock_batch(session, BATCH, without=self._nowhere)
            if strangers := {row.queue for row in rows if row.queue and row.queue not in known}:
                self._nowhere |= strangers
                log.error("nobody reads a queue that an event is for", extra={"queue": ", ".join(sorted(strangers))})
            rows = [row for row in rows if not row.queue or row.queue in known]
            if not rows:
                return 0
            posts = [
                (listener.handler.subscription.queue, row)
                for row in rows
                for listener in self._listeners
                if outbox.address_of(row) in listener.addresses
            ]
            if posts:
                stated = {
                    "queues": [queue for queue, _ in posts],
                    "ids": [row.id for _, row in posts],
                    "headers": [json.dumps(outbox.envelope_of(row).headers() | JSON) for _, row in posts],
                    "bodies": [row.body for _, row in posts],
                }
                session.execute(_POST, stated)
            journal.move_from_outbox(session, rows)
            return len(rows)

    def _hand_over(self, listener: Listener) -> int:
        queue = listener.handler.subscription.queue
        with self._database.begin() as session:
            rows = session.execute(_DUE, {"queue": queue}).all()
            if not rows:
                return 0
            heard, delivered = self._read(listener, rows)
            letters = {row.event_id: row for row in rows}
            for group in [heard] * bool(heard) if listener.handler.batch > 1 else [[one] for one in heard]:
                for one, error in self._handle(listener, group):
                    if error is None or self._failed(session, listener, letters[one.id], error):
                        delivered.append(one.id)
            session.execute(_DELIVERED, {"queue": queue, "ids": delivered})
            return len(rows)

    def _read(self, listener: Listener, rows: Sequence[Any]) -> tuple[list[Received], list[UUID]]:
        """Decode the rows; park those that cannot be decoded and return their ids."""
        heard: list[Received] = []
        unread: list[UUID] = []
        for row in rows:
            try:
                event = decode(listener.handler.subscription.event, row.body)
            except (msgspec.MsgspecError, RecursionError) as error:
                log.error("an event could not be read", extra={"queue": listener.handler.subscription.queue, "error": type(error).__name__})
                with listener.database.begin() as theirs:
                    park(theirs, listener.handler.subscription, row.headers, row.body.encode(), UNREADABLE, 1)
                unread.append(row.event_id)
            else:
                heard.append(Received(row.event_id, event, row.headers.get("traceparent")))
        return heard, unread

    def _handle(self, listener: Listener, group: Sequence[Received]) -> list[tuple[Received, Exception | None]]:
        def work() -> None:
            inbox.handle(listener.database, listener.handler.name, group, listener.act)

        try:
            if not inbox.retry_on_database_errors(work, giving_up=self.stopping.is_set, pause=self.stopping.wait):
                return []
        except Exception as error:
            return [(group[0], error)] if len(group) == 1 else [pair for one in group for pair in self._handle(listener, [one])]
        return [(one, None) for one in group]

    def _failed(self, session: Session, listener: Listener, letter: Any, error: Exception) -> bool:
        """Schedule the next attempt, or park the delivery after the last one; return whether it was parked."""
        stated = {"queue": listener.handler.subscription.queue, "id": letter.event_id}
        attempt = 1 + (session.scalar(_ATTEMPTS, stated) or 0)
        last = attempt >= self._settings.attempts
        log.error(
            "an event could not be handled",
            exc_info=error,
            extra={"queue": stated["queue"], "event_id": str(letter.event_id), "attempt": attempt, "parked": last},
        )
        if last:
            with listener.database.begin() as theirs:
                park(theirs, listener.handler.subscription, letter.headers, letter.body.encode(), type(error).__name__, attempt)
        else:
            session.execute(_FAILED, stated | {"pause": self._settings.retry_pause_ms})
        return last

    def run(self) -> None:
        """Deliver until `stopping` is set; sleep until woken or for a second, and wait out database trouble."""
        while not self.stopping.is_set():
            with patient(self.stopping), listen(self._settings.database_url, "outbox") as woken:
                while not self.stopping.is_set():
                    if not self.deliver():
                        woken.wait(1.0)


class patient:
    """Suppress transient database errors of a block and wait a moment; raise every other error."""

    def __init__(self, stopping: threading.Event) -> None:
        self._stopping = stopping

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, _: object) -> bool:
        if error is None or not (isinstance(error, psycopg.Error) or is_transient(error)):
            return False
        log.warning("database trouble, the local broker waits", extra={"error": type(error).__name__})
        self._stopping.wait(0.5)
        return True


def run_timer(
    database: Database, method: Callable[..., object], seconds: float, stopping: threading.Event, *, at_start: bool = False
) -> None:
    """Run a worker's timer until `stopping` is set, the first time at once or after `seconds`; log a failed run and go on."""
    is_due = at_start
    while is_due or not stopping.wait(seconds):
        is_due = False
        try:
            with database.begin() as session:
                method(session)
        except Exception as error:
            log.error("a timer failed, it goes on", exc_info=error, extra={"timer": getattr(method, "__name__", "")})


@one_line_failures
def main() -> None:
    read: list[Settings] = read_all(*(partial(_read, service) for service in services().values()))
    all_settings = {settings.service: settings for settings in read}
    telemetry.start("house", "broker")
    stopping = threading.Event()
    databases = {name: Database.of(settings, "broker") for name, settings in all_settings.items()}
    workers = {name: import_module(f"{name}.worker").Worker for name in services()}
    listeners = [
        Listener(databases[name], handler, handler.list_handler(getattr(worker(), handler.method)))
        for name, worker in workers.items()
        for handler in handlers_of(worker)
    ]
    jobs: list[Callable[[], object]] = []
    for name, service in services().items():
        jobs += [partial(import_module(module).run, all_settings[name], stopping) for module in service.jobs]
        broker = LocalBroker(all_settings[name], databases[name], listeners)
        broker.stopping = stopping
        jobs.append(broker.run)
        jobs.append(partial(run_timer, databases[name], broker.maintain_journal, 3600, stopping))
        for method, entrypoint in entrypoints_of(workers[name]):
            if isinstance(entrypoint, Every):
                timer = getattr(workers[name](), method)
                jobs.append(partial(run_timer, databases[name], timer, entrypoint.seconds, stopping, at_start=entrypoint.at_start))
    for signum in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signum, lambda *_: stopping.set())
    threads = [threading.Thread(target=_stopping_all_on_failure(job, stopping)) for job in jobs]
    for thread in threads:
        thread.start()
    log.info("broker ready")
    for thread in threads:
        thread.join()
    sys.exit(0)


def _read(service: Service) -> Settings:
    return read_settings(service.name, *(one for module in service.jobs for one in import_module(module).SETTINGS))


def _stopping_all_on_failure(job: Callable[[], object], stopping: threading.Event) -> Callable[[], None]:
    """Wrap a job so that its failure stops the whole process: the house must not go on half."""

    def run() -> None:
        try:
            job()
        except Exception as error:
            log.critical("the local broker stops", exc_info=error)
            stopping.set()

    return run


if __name__ == "__main__":
    main()
