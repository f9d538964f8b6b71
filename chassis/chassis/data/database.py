"""Connections and transactions of a service's database, and column types that all services share."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from typing import Any
from uuid import UUID

import psycopg
from psycopg.pq import TransactionStatus
from sqlalchemy import Connection, DateTime, MetaData, String, create_engine, event, exc, text
from sqlalchemy.orm import Session
from uuid_utils.compat import uuid7

from chassis.settings import Settings, WebSettings

NAMING = {"ix": "%(table_name)s_%(column_0_N_name)s", "pk": "%(table_name)s_pk", "uq": "%(table_name)s_%(column_0_N_name)s_key"}
Moment = DateTime(timezone=True)
RegionCode = String(12, collation="C")
CategoryCode = String(100, collation="C")

TOO_SLOW, NO_LOCK, IDLE_TOO_LONG = "57014", "55P03", "25P03"
IDLE_SECONDS = 1.0

_ONE_INDEX, _ANY_PLAN = (
    text(
        f"SELECT set_config('enable_seqscan', '{scans}', true), set_config('enable_bitmapscan', '{scans}', true),"
        f" set_config('plan_cache_mode', '{plans}', true)"
    )
    for scans, plans in (("off", "force_custom_plan"), ("on", "auto"))
)

tables = MetaData(naming_convention=NAMING)
"""The chassis's own tables, which stand in every service's database."""


class Database:
    """A pool of connections to one PostgreSQL database."""

    remembered_seconds = 1.0
    """How long answers to guests may rest on changes of region codes that were looked up before."""

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
        """Create the pool; connections are opened when needed. `name` is shown in `pg_stat_activity`.

        Raises SQLAlchemy's `TimeoutError` later when no connection is free within `pool_wait_seconds`.
        """
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
        self._reading = self.engine.execution_options(isolation_level="AUTOCOMMIT")
        event.listen(self.engine, "checkin", _note_idle)
        event.listen(self.engine, "checkout", partial(_ping_if_idle, self.engine.dialect))

    @classmethod
    def of(cls, settings: Settings, role: str) -> "Database":
        """Create the pool of a process other than `web`, such as `worker` or `relay`."""
        return cls(
            settings.database_url,
            name=f"{settings.service}-{role}",
            pool_size=settings.pool_size,
            statement_timeout_ms=settings.statement_timeout_ms,
        )

    @classmethod
    def of_web(cls, settings: Settings, web: WebSettings, role: str = "web") -> "Database":
        """Create the pool of a process that answers HTTP, in which no wait and no statement takes longer than a request may."""
        return cls(
            settings.database_url,
            name=f"{settings.service}-{role}",
            pool_size=settings.pool_size,
            pool_wait_seconds=min(web.pool_wait_seconds, web.request_seconds),
            statement_timeout_ms=min(settings.statement_timeout_ms, int(web.request_seconds * 1000)),
            lock_timeout_ms=min(web.lock_timeout_ms, int(web.request_seconds * 1000)),
        )

    @contextmanager
    def read(self) -> Iterator[Session]:
        """Begin a session in which each statement is a transaction of its own, which spares two round trips.

        For answers to guests, who see nothing that statements would have to agree on. `keep_settings` makes one transaction of the
        statements that follow.
        """
        with Session(self._reading, expire_on_commit=False) as session, session.begin():
            yield session

    @contextmanager
    def begin(self) -> Iterator[Session]:
        """Begin a transaction: `with database.begin() as session: …`. It commits at the end of the block and rolls back on an exception.

        Attributes of loaded rows stay readable after the commit. Raises SQLAlchemy's `TimeoutError` when no connection is free, and
        `DBAPIError` when the database is unavailable; `is_transient` tells both from lasting errors.
        """
        with Session(self.engine, expire_on_commit=False) as session, session.begin():
            yield session

    def close(self) -> None:
        """Close all connections of the pool."""
        self.engine.dispose()


def _note_idle(_: Any, record: Any) -> None:
    record.info["rests_since"] = time.monotonic()


def _ping_if_idle(dialect: Any, connection: Any, record: Any, _: Any) -> None:
    """Check a connection that was idle for a second or more, and have the pool replace it when it is dead."""
    since = record.info.get("rests_since")
    if since is None or time.monotonic() - since < IDLE_SECONDS:
        return
    try:
        dialect.do_ping(connection)
    except dialect.dbapi.Error as error:
        raise exc.InvalidatePoolError() from error


def is_transient(error: BaseException) -> bool:
    """Tell whether an error comes from an unavailable or overloaded database, or from a deadlock, so that a retry may succeed."""
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
    """Tell whether a statement ran longer than allowed: a smaller batch may succeed, the same one will not."""
    return isinstance(error, exc.DBAPIError) and getattr(error.orig, "sqlstate", None) == TOO_SLOW


def new_id() -> UUID:
    """Return a UUIDv7: unique, and ordered by time."""
    identifier: UUID = uuid7()
    return identifier


def now() -> datetime:
    """Return the present time in UTC, with its zone."""
    return datetime.now(UTC)


def below(column: Any, region: str) -> Any:
    """Return an SQL condition: the region itself and all regions below it, as a range that an index on the code serves."""
    return column.between(region, region + "~")


@contextmanager
def without_table_scans(session: Session) -> Iterator[None]:
    """Have the queries of the block look rows up by the one index that names them.

    For many keys in a table that grows meanwhile: a plan of when it was empty, or without statistics, would read all of it, or of another
    index, for each key. Statements behind the block must not plan anew for each row, as checks of foreign keys would.
    """
    keep_settings(session.connection())
    session.execute(_ONE_INDEX)
    yield
    session.execute(_ANY_PLAN)


def forbid_bitmap_scans(session: Session) -> None:
    """Keep the planner from reading a whole range in order to sort it, until the end of the transaction.

    For lists that an index holds in their order: where the planner expects few rows, it would rather sort them.
    """
    keep_settings(session.connection())
    session.execute(text("SET LOCAL enable_bitmapscan = off"))


def keep_settings(connection: Connection, settings: str = "") -> bool:
    """Have settings that are made for a transaction hold for the statements that follow, also where each would be one of its own.

    `settings` are statements without parameters, such as `SET LOCAL enable_seqscan = off`, that are sent at once. Return whether the
    transaction begins with them.
    """
    driver: Any = connection.connection.dbapi_connection
    begins: bool = driver.autocommit and driver.info.transaction_status == TransactionStatus.IDLE
    if statements := "; ".join(["BEGIN"] * begins + [settings] * bool(settings)):
        driver.execute(statements, prepare=False)
    return begins
