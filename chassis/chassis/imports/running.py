"""The loop of a process that checks and imports tables. Any number of such processes may run.

Reading a table takes processor time, so it has a process of its own, as clearing does.
"""

import logging
import signal
import threading
from collections.abc import Callable
from typing import Any

import psycopg

from chassis.data.database import Database, is_statement_timeout, is_transient
from chassis.data.pg_notify import listen
from chassis.failures import Parser, describe
from chassis.imports.actions import CHANNEL
from chassis.imports.kinds import Imports
from chassis.imports.work import work_on_due
from chassis.ops import gc_tuning, metrics, telemetry
from chassis.ops.readiness import Readiness
from chassis.settings import Settings
from chassis.start import read_role_settings


def run(of: Imports, log: logging.Logger, settings: Settings, stopping: threading.Event) -> None:
    """Work on imports until `stopping` is set. Sleep until woken, at most two seconds, and wait out database trouble."""
    database = Database.of(settings, "importing")
    readiness = Readiness(log, "importing", "database")
    metrics.serve(settings, "importing", database, readiness)
    pause = 0.2
    while not stopping.is_set():
        try:
            with listen(settings.database_url, CHANNEL) as woken:
                while not stopping.is_set():
                    worked = work_on_due(of, database, stopping.is_set)
                    readiness.reach("database")
                    pause = 0.2
                    if not worked:
                        woken.wait(2.0)
        except Exception as error:
            if not isinstance(error, psycopg.Error) and not is_transient(error) and not is_statement_timeout(error):
                raise
            log.warning(
                "importing is interrupted", extra={"error": type(error).__name__, "reason": describe(error), "pause_seconds": pause}
            )
            stopping.wait(pause)
            pause = min(pause * 2, 5.0)
    database.close()


def start(service: str, run_role: Callable[[Settings, threading.Event], None], needed: tuple[Any, ...]) -> None:
    """Start the role `importing` of a service, which reads the `needed` settings too; a signal ends it."""
    parser = Parser(description="Check and import tables.")
    parser.add_argument("service", choices=[service])
    settings = read_role_settings(parser.parse_args().service, *needed)
    telemetry.start(settings.service, "importing")
    stopping = threading.Event()
    for signum in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signum, lambda *_: stopping.set())
    gc_tuning.collect_rarely()
    run_role(settings, stopping)
