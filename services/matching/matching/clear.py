"""The clearing process: `python -m matching.clear matching`. Any number of processes may run."""

import logging
import signal
import threading
import time
from datetime import timedelta

import psycopg
from prometheus_client import Counter, Gauge

from chassis.data.database import Database, is_statement_timeout, is_transient
from chassis.data.pg_notify import listen
from chassis.failures import Parser, describe, one_line_failures
from chassis.ops import gc_tuning, metrics, telemetry
from chassis.ops.readiness import Readiness
from chassis.settings import Settings
from chassis.start import read_settings
from matching.book import clearing_queue
from matching.checks.metrics import AUDIT
from matching.clearing import actions, revision
from matching.settings import ProposalSettings

log = logging.getLogger(__name__)
REVISE_SECONDS = 600
SETTINGS = (ProposalSettings,)
_CLEARED = Counter("duijie_cleared_total", "Needs and pledges that a clearing looked at")
_REVISED = Counter("duijie_revised_total", "Proposals that ended in favour of a critical need")
_PROPOSED = Counter("duijie_proposals_total", "Matches proposed")
_QUEUE_AGE = Gauge("duijie_clearing_age_seconds", "Age of the oldest entry of the clearing queue, 0 without one", ["service"])


def run(settings: Settings, stopping: threading.Event) -> None:
    """Clear the queue until `stopping` is set. Sleep until woken, at most a fifth of a second, and wait out database trouble."""
    database = Database.of(settings, "clear")
    readiness = Readiness(log, "clear", "database")
    metrics.serve(settings, "clear", database, readiness)
    metrics.read_from_database(_QUEUE_AGE, settings, database, clearing_queue.age_seconds)
    AUDIT.database = database
    answer_within = ProposalSettings.of_environment().answer_within
    pause, limit, revise_at = 0.2, actions.BATCH, time.monotonic() + REVISE_SECONDS
    while not stopping.is_set():
        try:
            with listen(settings.database_url, clearing_queue.CHANNEL) as woken:
                while not stopping.is_set():
                    with database.begin() as session:
                        cleared = actions.clear(session, answer_within, limit)
                    readiness.reach("database")
                    _CLEARED.inc(cleared.due)
                    _PROPOSED.inc(cleared.proposals)
                    pause, limit = 0.2, actions.BATCH
                    if time.monotonic() >= revise_at:
                        revise_at = time.monotonic() + REVISE_SECONDS
                        _REVISED.inc(_revise(database, answer_within))
                    if not cleared.due:
                        woken.wait(0.2)
        except Exception as error:
            if is_statement_timeout(error):
                limit = max(1, limit // 2)
            elif not isinstance(error, psycopg.Error) and not is_transient(error):
                raise
            log.warning("clearing is interrupted", extra={"error": type(error).__name__, "reason": describe(error), "pause_seconds": pause})
            stopping.wait(pause)
            pause = min(pause * 2, 5.0)
    database.close()


def _revise(database: Database, answer_within: timedelta) -> int:
    for count in range(revision.AT_ONCE):
        with database.begin() as session:
            if not revision.revise_proposal(session, answer_within):
                return count
    return revision.AT_ONCE


@one_line_failures
def main() -> None:
    parser = Parser(description=__doc__)
    parser.add_argument("service", choices=["matching"])
    settings = read_settings(parser.parse_args().service, *SETTINGS)
    telemetry.start(settings.service, "clear")
    stopping = threading.Event()
    for signum in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signum, lambda *_: stopping.set())
    gc_tuning.collect_rarely()
    run(settings, stopping)


if __name__ == "__main__":
    main()
