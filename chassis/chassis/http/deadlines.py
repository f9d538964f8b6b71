"""Deadlines of requests: from the arrival of the body on, waiting for a slot, a lock or the database counts.

The server passes a body on as it arrives, without a time limit, and a read cannot be interrupted. So a request takes its slot after its
body has arrived, and the number of bodies that are read at once is limited. Slow senders delay neither health checks nor requests without a
body. Other bodies wait only when that many senders are slow; against those, a proxy in front has to pass on whole requests.
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
"""How many requests may wait, and how many bodies may be read, for each slot."""
BODY_WAIT_SECONDS = 1.0
"""How long a request waits for its body to be read; a body that is sent at once takes no time."""
UNTOUCHED_SHARE = 0.9
"""The share of its time that a request must still have, so that no round trip lowers the statement timeout."""

_ends_at: ContextVar[float | None] = ContextVar("ends_at", default=None)
_granted: ContextVar[float] = ContextVar("granted", default=0.0)


class FairSemaphore:
    """A FIFO semaphore: a released slot goes to the thread that has waited longest, and wakes no other."""

    def __init__(self, count: int) -> None:
        self._free = count
        self._waiting: deque[threading.Lock] = deque()
        self._changing = threading.Lock()

    def acquire(self, seconds: float) -> bool:
        """Take a slot; False when none became free within `seconds`."""
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
        """Give a slot back, to the longest waiting one if there is any."""
        with self._changing:
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._free += 1


def install(app: Flask, database: Database, settings: WebSettings) -> None:
    """Give every request of `app` a deadline (`request_seconds`) and one of `web_threads` slots; health checks need no slot.

    A request that waits too long for a slot or for its body is answered with `unavailable`.
    """
    slots, bodies = FairSemaphore(settings.web_threads), FairSemaphore(settings.web_threads * WAITING_PER_SLOT)
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
        if not slots.acquire(settings.request_seconds):
            log.warning("a request waited too long for a place", extra={"endpoint": request.endpoint})
            raise unavailable(retry_after_seconds=2)
        g.has_slot = True

    def leave(_: BaseException | None) -> None:
        _ends_at.set(None)
        if g.pop("has_slot", False):
            slots.release()

    app.before_request(enter)
    app.teardown_request(leave)
    if not event.contains(engine, "before_cursor_execute", _shorten):
        event.listen(engine, "before_cursor_execute", _shorten)
        event.listen(engine, "begin", lambda connection: _granted.set(most))


def _shorten(connection: Connection, cursor: Any, statement: str, *_: Any) -> None:
    """Limit a statement to what is left of its request's time. Costs nothing while most of the time is left."""
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
