"""One service's own database: its connections, its transactions, the column types every service shares."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from typing import Any
from uuid import UUID

import psycopg
from sqlalchemy import DateTime, MetaData, String, create_engine, event, exc
from sqlalchemy.orm import Session
from uuid_utils.compat import uuid7

from chassis.settings import Settings, WebSettings

NAMING = {"ix": "%(table_name)s_%(column_0_N_name)s", "pk": "%(table_name)s_pk", "uq": "%(table_name)s_%(column_0_N_name)s_key"}
Moment = DateTime(timezone=True)
RegionCode = String(12, collation="C")
CategoryCode = String(100, collation="C")

TOO_SLOW, NO_LOCK, IDLE_TOO_LONG = "57014", "55P03", "25P03"
IDLE_SECONDS = 1.0

tables = MetaData(naming_convention=NAMING)
"""The chassis's own tables, which stand in every service's database."""


class Database:
    """The way into one PostgreSQL database. `begin()` is one transaction: committed at its end, rolled back when it raises."""

    def __init__(
        self,
        url: str,
        *,
        name: str,
        pool_size: int = 20,
        pool_wait_seconds: float = 10,
        statement_timeout_ms: int = 20_000,
        lock_timeout_ms: int = 0,
    ) -> None:
        self.statement_timeout_ms = statement_timeout_ms
        self.engine = create_engine(
            url,
            pool_size=pool_size,
            max_overflow=0,
            pool_timeout=pool_wait_seconds,
            connect_args={
                "application_name": name,
                "connect_timeout": 5,
                "options": f"-c statement_timeout={statement_timeout_ms} -c lock_timeout={lock_timeout_ms}"
                " -c idle_in_transaction_session_timeout=60000 -c timezone=UTC",
            },
        )
        event.listen(self.engine, "checkin", _note_idle)
        event.listen(self.engine, "checkout", partial(_ping_if_idle, self.engine.dialect))

    @classmethod
    def of(cls, settings: Settings, role: str) -> "Database":
        return cls(
            settings.database_url,
            name=f"{settings.service}-{role}",
            pool_size=settings.pool_size,
            statement_timeout_ms=settings.statement_timeout_ms,
        )

    @classmethod
    def of_web(cls, settings: Settings, web: WebSettings) -> "Database":
        """For requests: nothing in it waits or works longer than a request may take."""
        return cls(
            settings.database_url,
            name=f"{settings.service}-web",
            pool_size=settings.pool_size,
            pool_wait_seconds=min(web.pool_wait_seconds, web.request_seconds),
            statement_timeout_ms=min(settings.statement_timeout_ms, int(web.request_seconds * 1000)),
            lock_timeout_ms=min(web.lock_timeout_ms, int(web.request_seconds * 1000)),
        )

    @contextmanager
    def begin(self) -> Iterator[Session]:
        with Session(self.engine, expire_on_commit=False) as session, session.begin():
            yield session

    def close(self) -> None:
        self.engine.dispose()


def _note_idle(_: Any, record: Any) -> None:
    record.info["rests_since"] = time.monotonic()


def _ping_if_idle(dialect: Any, connection: Any, record: Any, _: Any) -> None:
    """A connection that was in use a moment ago is taken as alive; one that may have died meanwhile is asked, and replaced."""
    since = record.info.get("rests_since")
    if since is None or time.monotonic() - since < IDLE_SECONDS:
        return
    try:
        dialect.do_ping(connection)
    except dialect.dbapi.Error as error:
        raise exc.InvalidatePoolError() from error


def is_transient(error: BaseException) -> bool:
    """Whether the trouble is the database's and not the statement's: away, overloaded, a deadlock. The same work may succeed later."""
    if isinstance(error, exc.TimeoutError):
        return True
    if not isinstance(error, exc.DBAPIError):
        return False
    state: str | None = getattr(error.orig, "sqlstate", None)
    if error.connection_invalidated:
        return True
    if state is None:
        return isinstance(error.orig, psycopg.OperationalError | psycopg.InterfaceError)
    return state != TOO_SLOW and (state[:2] in {"08", "40", "53", "57"} or state in {NO_LOCK, IDLE_TOO_LONG})


def is_statement_timeout(error: BaseException) -> bool:
    """Whether a statement took longer than it may: a smaller batch may succeed, the same one will not."""
    return isinstance(error, exc.DBAPIError) and getattr(error.orig, "sqlstate", None) == TOO_SLOW


def new_id() -> UUID:
    """A UUIDv7: unique, and growing with time."""
    identifier: UUID = uuid7()
    return identifier


def now() -> datetime:
    return datetime.now(UTC)


def below(column: Any, region: str) -> Any:
    """SQL condition: the region itself and all below it, as a range that an index on the code serves."""
    return column.between(region, region + "~")
