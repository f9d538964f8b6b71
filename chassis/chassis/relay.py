"""Relay: publishes a service's outbox, waits for the broker's confirms, then moves the events to the journal."""

import logging
import signal
import threading
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from datetime import date
from typing import Any

import amqp
import psycopg
from msgspec.structs import replace

from chassis.data.database import Database, is_statement_timeout, is_transient, now
from chassis.data.pg_notify import listen
from chassis.failures import describe, one_line_failures
from chassis.messaging import dead_letters, journal, outbox
from chassis.messaging.broker import BROKER_ERRORS, Publisher, connected, message_for
from chassis.ops import gc_tuning, metrics, telemetry, tracing
from chassis.ops.readiness import Readiness
from chassis.settings import Settings
from chassis.start import read_settings, service_of_command_line
from contracts.event import every_event, listeners, producer_of

log = logging.getLogger(__name__)
BATCH = 1000
UNROUTED_PAUSE_SECONDS = 5.0
PAGE_PAUSE_SECONDS = 60.0


class Relay:
    """Publishes one service's outbox. Any number of relays may run: each locks the rows it publishes."""

    def __init__(self, settings: Settings, confirm_seconds: float = 10) -> None:
        self._settings = settings
        self._confirm_seconds = confirm_seconds
        self._database = Database.of(settings, "relay")
        self._maintained_on: date | None = None
        self._next_attempt_at = 0.0
        self._unrouted: dict[str, float] = {}
        self.stopping = threading.Event()
        self._readiness = Readiness(log, "relay", "broker", "database")
        metrics.serve(settings, "relay", self._database, self._readiness)
        for name, event in every_event().items():
            if producer_of(event) == settings.service:
                metrics.initialise(metrics.events_published, settings.service, name)
        metrics.read_from_database(metrics.outbox_age, settings, self._database, outbox.age_seconds)
        metrics.read_from_database(metrics.dead_letters, settings, self._database, dead_letters.count_parked)

    def run(self) -> None:
        """Publish until `stopping` is set. Sleep until notified, a second at most; reconnect after an error, in 0.2 to 5 s."""
        pause = 0.2
        while not self.stopping.is_set():
            try:
                with (
                    connected(self._settings.broker_url, self._settings.heartbeat_seconds) as connection,
                    listen(self._settings.database_url, "outbox") as woken,
                ):
                    publisher = Publisher(connection, self._confirm_seconds)
                    self._readiness.reach("broker")
                    self._readiness.reach("database")
                    while not self.stopping.is_set():
                        if self.publish_batch(publisher) < BATCH:
                            woken.wait()
                        _exchange_heartbeats(connection)
                        pause = 0.2
            except Exception as error:
                if not isinstance(error, (*BROKER_ERRORS, psycopg.Error)) and not is_transient(error) and not is_statement_timeout(error):
                    raise
                log.warning(
                    "telling is interrupted", extra={"error": type(error).__name__, "reason": describe(error), "pause_seconds": pause}
                )
                self.stopping.wait(pause)
                pause = min(pause * 2, 5.0)
        self._database.close()

    def publish_batch(self, publisher: Publisher) -> int:
        """Publish one batch; return how many events left the outbox.

        An event without any listener counts as published. An event that the broker refuses, or that misses the queue of a listener, stays.
        It is tried again after five seconds, and the others pass it.
        """
        self._maintain_journal()
        overdue = time.monotonic() - UNROUTED_PAUSE_SECONDS
        self._unrouted = {name: since for name, since in self._unrouted.items() if since > overdue}
        with self._database.begin() as session:
            rows = outbox.lock_batch(session, BATCH, without=self._unrouted)
            if not rows:
                return 0
            with tracing.spans([(f"{row.name} told", row.traceparent) for row in rows], "producer") as traces:
                envelopes = (replace(outbox.envelope_of(row), traceparent=trace) for row, trace in zip(rows, traces, strict=True))
                messages = (message_for(envelope, row.body, row.queue) for envelope, row in zip(envelopes, rows, strict=True))
                safe, unwanted = publisher.publish(messages)
            missed = {position for position in unwanted if rows[position].queue or listeners().get(rows[position].name)}
            if published := [rows[position] for position in sorted(safe - missed)]:
                journal.move_from_outbox(session, published)
        self._count(rows, safe, unwanted, missed)
        refused = {outbox.address_of(row) for position, row in enumerate(rows) if position not in safe}
        self._unrouted |= dict.fromkeys(refused, time.monotonic())
        if unrouted := {outbox.address_of(rows[position]) for position in missed}:
            self._unrouted |= dict.fromkeys(unrouted, time.monotonic())
            log.error(
                "no queue takes an event that somebody listens to: run `python -m chassis.topology`", extra={"events": sorted(unrouted)}
            )
        return len(published)

    def _count(self, rows: Sequence[Any], safe: set[int], unwanted: set[int], missed: set[int]) -> None:
        outcomes = Counter(
            (row.name, "missed" if at in missed else "unheard" if at in unwanted else "told" if at in safe else "refused")
            for at, row in enumerate(rows)
        )
        for (name, outcome), count in outcomes.items():
            metrics.events_published.labels(self._settings.service, name, outcome).inc(count)

    def _maintain_journal(self) -> None:
        if self._maintained_on == (today := now().date()) or time.monotonic() < self._next_attempt_at:
            return
        try:
            with self._database.begin() as session:
                journal.maintain_partitions(session, self._settings.journal_days)
        except Exception as error:
            # A reader, such as a backup, holds a lock. Partitions for two more days exist, except at the first start.
            if self._maintained_on is None or not is_transient(error):
                raise
            log.warning("the journal's page is not turned yet", extra={"error": type(error).__name__})
            self._next_attempt_at = time.monotonic() + PAGE_PAUSE_SECONDS
            return
        self._maintained_on = today


def _exchange_heartbeats(connection: amqp.Connection) -> None:
    """Send heartbeats and read those of the broker: only reading tells a live broker from a silent one."""
    connection.heartbeat_tick()
    with suppress(TimeoutError):
        connection.drain_events(timeout=0.0005)


@one_line_failures
def main() -> None:
    """Relay the outbox of the service named on the command line, until stopped."""
    settings = read_settings(service_of_command_line(__doc__))
    telemetry.start(settings.service, "relay")
    relay = Relay(settings)
    for signum in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signum, lambda *_: relay.stopping.set())
    gc_tuning.collect_rarely()
    relay.run()


if __name__ == "__main__":
    main()
