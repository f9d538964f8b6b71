"""Prometheus metrics of a process, served on a port of their own (`METRICS_PORT`)."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import nan
from time import perf_counter

from prometheus_client import Counter, Gauge, Histogram, make_wsgi_app, start_http_server
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session
from sqlalchemy.pool import QueuePool
from werkzeug.exceptions import NotFound
from werkzeug.middleware.dispatcher import DispatcherMiddleware

from chassis.data.database import Database
from chassis.environment import SettingsError
from chassis.ops.readiness import Readiness
from chassis.settings import Settings

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)

requests = Counter("duijie_http_requests_total", "Answered requests", ["service", "method", "route", "status"])
request_seconds = Histogram("duijie_http_request_seconds", "Time to answer a request", ["service", "method", "route"], buckets=SECONDS)
connections = Gauge("duijie_http_connections", "Open connections", ["service"])
connections_closed = Counter(
    "duijie_http_connections_closed_total",
    "Connections closed before a whole request: header or body came too late, idle, too many (full)",
    ["service", "reason"],
)
streams = Gauge("duijie_streams", "Open streams", ["service"])
streams_closed = Counter(
    "duijie_streams_closed_total",
    "Streams that ended: left by the client, token or session over, too slow a reader, server stopping",
    ["service", "reason"],
)
stream_seconds = Histogram("duijie_stream_seconds", "Time from a change to its writing to a stream", ["service"], buckets=SECONDS)
events_published = Counter(
    "duijie_events_told_total", "Events told, unheard, missed by a listener, refused", ["service", "event", "outcome"]
)
events_received = Counter("duijie_events_heard_total", "Deliveries: handled, repeated, failed, parked", ["service", "event", "outcome"])
handler_seconds = Histogram("duijie_handler_seconds", "Time of one call of a handler", ["service", "event"], buckets=SECONDS)
batch_events = Histogram("duijie_batch_events", "Events in one call", ["service", "event"], buckets=(1, 2, 5, 10, 25, 50, 100, 250, 500))
outbox_age = Gauge("duijie_outbox_age_seconds", "Age of the oldest event that is not told yet, 0 without one", ["service"])
dead_letters = Gauge("duijie_dead_letters", "Parked deliveries", ["service"])
pool_connections = Gauge("duijie_pool_connections", "Database connections in use", ["service", "role"])
pool_size = Gauge("duijie_pool_size", "Database connections there may be", ["service", "role"])

OUTCOMES = {events_published: ("told", "unheard", "missed", "refused"), events_received: ("handled", "repeated", "failed", "parked")}

_serving = threading.Lock()


def serve(settings: Settings, role: str, database: Database, readiness: Readiness | None = None) -> None:
    """Serve `/metrics` on `METRICS_PORT`, once in a process (0 means nowhere), and report how much of this pool is in use.

    `/readyz` answers there as `readiness` does, and 404 without one. Raises `SettingsError` when the port is taken.
    """
    pool = database.engine.pool
    if isinstance(pool, QueuePool):
        pool_connections.labels(settings.service, role).set_function(pool.checkedout)
        pool_size.labels(settings.service, role).set(pool.size())
    if settings.metrics_port and _serving.acquire(blocking=False):
        try:
            server, _ = start_http_server(settings.metrics_port, settings.host)
        except OSError as error:
            wanted = f"is wrong: nothing can listen on port {settings.metrics_port} of {settings.host} ({error.strerror})"
            raise SettingsError({"METRICS_PORT": wanted}) from error
        server.set_app(DispatcherMiddleware(make_wsgi_app(), {"/readyz": readiness.answer if readiness else NotFound()}))


def initialise(counted: Counter, service: str, event: str) -> None:
    """Create the counters of an event with the value 0: Prometheus sees no increase in a counter that begins with its first failure."""
    for outcome in OUTCOMES[counted]:
        counted.labels(service, event, outcome)


def read_from_database(gauge: Gauge, settings: Settings, database: Database, question: Callable[[Session], float]) -> None:
    """Let a gauge query the database on each scrape; it is NaN while the database is unavailable or the pool exhausted."""

    def answer() -> float:
        try:
            with database.begin() as session:
                return question(session)
        except SQLAlchemyError:
            return nan

    gauge.labels(settings.service).set_function(answer)


@contextmanager
def timed(histogram: Histogram, *labels: str) -> Iterator[None]:
    """Observe how long the block takes, also when it raises."""
    started = perf_counter()
    try:
        yield
    finally:
        histogram.labels(*labels).observe(perf_counter() - started)
