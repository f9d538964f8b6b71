"""Deadlines of requests: from the arrival of the body on, waiting for a thread, a lock or the database counts."""

import time
from contextvars import ContextVar
from typing import Any

from flask import Flask, request
from sqlalchemy import Connection, event

from chassis.data.database import Database, keep_settings
from chassis.http.front import ENDS_AT
from chassis.problems import unavailable
from chassis.settings import WebSettings

UNTOUCHED_SHARE = 0.9
"""The share of its time that a request must still have, so that no round trip lowers the statement timeout."""

_ends_at: ContextVar[float | None] = ContextVar("ends_at", default=None)
_granted: ContextVar[float] = ContextVar("granted", default=0.0)


def install(app: Flask, database: Database, settings: WebSettings) -> None:
    """Give every request of `app` the deadline that the front set, or one of `request_seconds` from now."""
    engine, most = database.engine, database.statement_timeout_ms / 1000

    def enter() -> None:
        _ends_at.set(request.environ.get(ENDS_AT) or time.monotonic() + settings.request_seconds)
        _granted.set(most)

    def leave(_: BaseException | None) -> None:
        _ends_at.set(None)

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
        keep_settings(connection)
        driver: Any = connection.connection.dbapi_connection
        driver.execute("SELECT set_config('statement_timeout', %s, true)", [str(max(1, int(left * 1000)))])
        _granted.set(left)
