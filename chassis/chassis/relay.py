"""Tells what waits in a service's outbox: publishes, waits for the broker's word, and only then turns it into journal."""

import logging
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from sqlalchemy.engine import make_url

from chassis import journal, outbox, telemetry
from chassis.broker import TROUBLE, Publisher, connected, letter
from chassis.database import Database, is_passing
from chassis.settings import Settings
from contracts.event import listeners

log = logging.getLogger(__name__)
BATCH = 500


class Relay:
    """Passes one service's outbox on. Any number of relays may run: each locks the rows it publishes."""

    def __init__(self, settings: Settings, confirm_seconds: float = 10) -> None:
        self._settings = settings
        self._confirm_seconds = confirm_seconds
        self._database = Database.of(settings, "relay")
        self._page_turned = 0.0
        self.stopping = threading.Event()

    def run(self) -> None:
        """Until `stopping` is set: tell, sleep until woken or a second is over, begin anew after any trouble (0.2 s to 5 s)."""
        pause = 0.2
        while not self.stopping.is_set():
            try:
                with connected(self._settings.broker_url, self._settings.heartbeat_seconds) as connection, self._bell() as bell:
                    publisher = Publisher(connection, self._confirm_seconds)
                    while not self.stopping.is_set():
                        self._turn_page()
                        if self.pass_on(publisher) < BATCH:
                            bell.wait()
                        connection.heartbeat_check()
                        _read_pending(connection)
                        pause = 0.2
            except Exception as error:
                if not isinstance(error, (*TROUBLE, psycopg.Error, Unheard)) and not is_passing(error):
                    raise
                log.warning("telling is interrupted", extra={"error": type(error).__name__, "pause_seconds": pause})
                self.stopping.wait(pause)
                pause = min(pause * 2, 5.0)
        self._database.close()

    def pass_on(self, publisher: Publisher) -> int:
        """Tell one batch; returns how many rows it held. An event that nobody may want counts as told; one that a listener misses stays."""
        with self._database.begin() as session:
            rows = outbox.waiting(session, BATCH)
            if not rows:
                return 0
            safe, unwanted = publisher.publish(letter(outbox.envelope_of(row), row.body) for row in rows)
            missed = {position for position in unwanted if listeners().get(rows[position].name)}
            if told := [rows[position].id for position in sorted(safe - missed)]:
                journal.keep(session, told)
        if missed:
            raise Unheard({rows[position].name for position in missed})
        return len(rows)

    def _turn_page(self) -> None:
        if time.monotonic() - self._page_turned > 3600 or not self._page_turned:
            with self._database.begin() as session:
                journal.turn_page(session, self._settings.journal_days)
            self._page_turned = time.monotonic()

    @contextmanager
    def _bell(self) -> Iterator["_Bell"]:
        url = make_url(self._settings.database_url).set(drivername="postgresql").render_as_string(hide_password=False)
        with psycopg.connect(
            url, autocommit=True, connect_timeout=5, application_name=f"{self._settings.service}-relay-bell"
        ) as connection:
            connection.execute("LISTEN outbox")
            yield _Bell(connection)


class Unheard(Exception):
    """A queue that the catalogue names does not exist: run the topology step. The events stay in the outbox meanwhile."""

    def __init__(self, names: set[str]) -> None:
        super().__init__(f"no queue takes {', '.join(sorted(names))}: run `python -m chassis.topology` for every service")


class _Bell:
    """Rings when something is written to the outbox. Only a hint: whoever waits looks again after a second anyway."""

    def __init__(self, connection: psycopg.Connection[tuple[object, ...]]) -> None:
        self._connection = connection

    def wait(self) -> None:
        for _ in self._connection.notifies(timeout=1.0, stop_after=1):
            pass


def _read_pending(connection: object) -> None:
    """Reading is what tells a silent broker from a live one: heartbeats count only when they are read."""
    try:
        connection.drain_events(timeout=0.0005)  # type: ignore[attr-defined]
    except TimeoutError:
        pass


def main() -> None:
    settings = Settings.of(sys.argv[1])
    telemetry.start(settings.service, "relay")
    relay = Relay(settings)
    for signum in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signum, lambda *_: relay.stopping.set())
    log.info("relay ready")
    relay.run()


if __name__ == "__main__":
    main()
