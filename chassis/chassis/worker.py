"""The worker process of a service: `python -m chassis.worker needs`."""

# Eventlet must patch the standard library before anything else is imported. psycopg chooses how to wait when it is imported, and its
# default blocks the whole process under eventlet.
import os
import warnings

warnings.filterwarnings("ignore", r"\s*Eventlet is deprecated")

import eventlet  # noqa: E402
import eventlet.debug  # noqa: E402

eventlet.monkey_patch()
os.environ["PSYCOPG_WAIT_FUNC"] = "wait_selector"

import logging  # noqa: E402
import signal  # noqa: E402
import sys  # noqa: E402
from importlib import import_module  # noqa: E402

import psycopg.waiting  # noqa: E402
from eventlet.event import Event as Stopping  # noqa: E402
from nameko.containers import ServiceContainer  # noqa: E402
from sqlalchemy import select  # noqa: E402

from chassis.data.database import Database, is_transient  # noqa: E402
from chassis.failures import describe, one_line_failures  # noqa: E402
from chassis.messaging.broker import BROKER_ERRORS, connected  # noqa: E402
from chassis.messaging.events import handlers_of  # noqa: E402
from chassis.ops import gc_tuning, metrics, telemetry  # noqa: E402
from chassis.ops.readiness import Readiness  # noqa: E402
from chassis.settings import Settings  # noqa: E402
from chassis.start import read_role_settings, service_of_command_line  # noqa: E402

log = logging.getLogger(__name__)


@one_line_failures
def main() -> None:
    """Run the worker of the service named on the command line, until stopped."""
    if psycopg.waiting.wait is not psycopg.waiting.wait_selector:
        sys.exit("psycopg waits in C and would block every handler: PSYCOPG_WAIT_FUNC came too late")
    settings = read_role_settings(service_of_command_line(__doc__))
    telemetry.start(settings.service, "worker")
    # The waiting thread logs the type of an exception; eventlet itself would print its text.
    eventlet.debug.hub_exceptions(False)
    database = Database.of(settings, "worker")
    worker = import_module(f"{settings.service}.worker").Worker
    readiness = Readiness(log, "worker", "database", *(handler.subscription.queue for handler in handlers_of(worker)))
    metrics.serve(settings, "worker", database, readiness)
    container = ServiceContainer(worker, {"settings": settings, "database": database, "readiness": readiness, "max_workers": 100})
    stopping = Stopping()
    for signum in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signum, lambda *_: stopping.ready() or eventlet.spawn(stopping.send))
    if connect(settings, database, stopping):
        readiness.reach("database")
        container.start()
        gc_tuning.collect_rarely()
        eventlet.spawn(_stop, container, stopping)
        container.wait()
    database.close()


def connect(settings: Settings, database: Database, stopping: Stopping) -> bool:
    """Try to reach the database and the broker until both answer, in pauses of 0.2 to 5 s; return False when told to stop before."""
    pause = 0.2
    while not stopping.ready():
        try:
            with database.begin() as session:
                session.execute(select(1))
            with connected(settings.broker_url, settings.heartbeat_seconds):
                return True
        except Exception as error:
            if not isinstance(error, BROKER_ERRORS) and not is_transient(error):
                raise
            log.warning(
                "the worker waits for its connections",
                extra={"error": type(error).__name__, "reason": describe(error), "pause_seconds": pause},
            )
            stopping.wait(pause)
            pause = min(pause * 2, 5.0)
    return False


def _stop(container: ServiceContainer, stopping: Stopping) -> None:
    stopping.wait()
    container.stop()


if __name__ == "__main__":
    main()
