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
from nameko.containers import ServiceContainer  # noqa: E402

from chassis.data.database import Database  # noqa: E402
from chassis.ops import gc_tuning, metrics, telemetry  # noqa: E402
from chassis.settings import Settings  # noqa: E402

log = logging.getLogger(__name__)


def main() -> None:
    """Run the worker of the service named on the command line, until stopped."""
    if psycopg.waiting.wait is not psycopg.waiting.wait_selector:
        sys.exit("psycopg waits in C and would block every handler: PSYCOPG_WAIT_FUNC came too late")
    settings = Settings.of(sys.argv[1])
    telemetry.start(settings.service, "worker")
    # The waiting thread logs the type of an exception; eventlet itself would print its text.
    eventlet.debug.hub_exceptions(False)
    database = Database.of(settings, "worker")
    metrics.serve(settings, "worker", database)
    container = ServiceContainer(
        import_module(f"{settings.service}.worker").Worker,
        {"settings": settings, "database": database, "max_workers": 100},
    )
    for signum in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signum, lambda *_: eventlet.spawn(container.stop))
    container.start()
    gc_tuning.collect_rarely()
    log.info("worker ready")
    container.wait()
    database.close()


if __name__ == "__main__":
    main()
