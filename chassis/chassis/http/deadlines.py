"""No request outlives its deadline once its body is there: waiting for a place, for a lock and for the database all count.

The server hands a body on as it arrives, sets no time for it, and a read once begun cannot be given up. So a place is taken when the
body is there, and only so many bodies are read at once: who sends slowly holds up neither health nor who sends none, and other bodies
only when there are as many that come slowly. Against those, a proxy in front has to pass on whole requests.
"""

import logging
import threading
import time
from collections import deque
from contextvars import ContextVar
from typing import Any

from flask import Flask, g, request
from sqlalchemy import Connection, event

from chassis.data.database import Database
from chassis.http import strict_json
from chassis.problems import unavailable
from chassis.settings import WebSettings

log = logging.getLogger("chassis.deadlines")
WITHOUT_SLOT = {"livez", "readyz"}
WAITING_PER_SLOT = 4
"""For each place so many requests may wait for one, and so many bodies may be read."""
BODY_WAIT_SECONDS = 1.0
"""How long a request waits until its body is read at all; bodies that are sent at once take no time."""
UNTOUCHED_SHARE = 0.9
"""The share of a statement's time that may be gone before it is worth a round trip to tell the database of less."""

_ends_at: ContextVar[float | None] = ContextVar("ends_at", default=None)
_granted: ContextVar[float] = ContextVar("granted", default=0.0)


class FairSemaphore:
    """So many may be taken at once, by whoever has waited longest. Unlike a semaphore's, each wakes only the one that it is given to."""

    def __init__(self, count: int) -> None:
        self._free = count
        self._waiting: deque[threading.Lock] = deque()
        self._changing = threading.Lock()

    def acquire(self, seconds: float) -> bool:
        """Whether there was one within so many seconds."""
        with self._changing:
            if self._free:
                self._free -= 1
                return True
            turn = threading.Lock()
            turn.acquire()
            self._waiting.append(turn)
        if turn.acquire(timeout=seconds):
            return True
        with self._changing:
            if turn in self._waiting:
                self._waiting.remove(turn)
                return False
        return True

    def release(self) -> None:
        with self._changing:
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._free += 1


def install(app: Flask, database: Database, settings: WebSettings) -> None:
    """Give every request of `app` its deadline and one of `settings.web_threads` places; health is answered without a place."""
    places, bodies = FairSemaphore(settings.web_threads), FairSemaphore(settings.web_threads * WAITING_PER_SLOT)
    engine, most = database.engine, database.statement_timeout_ms / 1000

    def read() -> None:
        if not bodies.acquire(BODY_WAIT_SECONDS):
            log.warning("too many bodies are on their way", extra={"endpoint": request.endpoint})
            raise unavailable(retry_after_seconds=2)
        try:
            request.get_data(cache=True)
        finally:
            bodies.release()

    def enter() -> None:
        if request.method in strict_json.WITH_BODY and request.content_length != 0:
            read()
        _ends_at.set(time.monotonic() + settings.request_seconds)
        _granted.set(most)
        if request.endpoint in WITHOUT_SLOT:
            return
        if not places.acquire(settings.request_seconds):
            log.warning("a request waited too long for a place", extra={"endpoint": request.endpoint})
            raise unavailable(retry_after_seconds=2)
        g.has_place = True

    def leave(_: BaseException | None) -> None:
        _ends_at.set(None)
        if g.pop("has_place", False):
            places.release()

    app.before_request(enter)
    app.teardown_request(leave)
    if not event.contains(engine, "before_cursor_execute", _shorten):
        event.listen(engine, "before_cursor_execute", _shorten)
        event.listen(engine, "begin", lambda connection: _granted.set(most))


def _shorten(connection: Connection, cursor: Any, statement: str, *_: Any) -> None:
    """Before a statement of a request: only what is left of its time may the database take. Costs nothing while little of it is gone."""
    ends_at = _ends_at.get()
    if ends_at is None or statement.startswith("ROLLBACK"):
        return
    left = ends_at - time.monotonic()
    if left <= 0:
        raise unavailable(retry_after_seconds=2)
    if left < UNTOUCHED_SHARE * _granted.get():
        driver: Any = connection.connection.dbapi_connection
        driver.execute("SELECT set_config('statement_timeout', %s, true)", [str(max(1, int(left * 1000)))])
        _granted.set(left)
