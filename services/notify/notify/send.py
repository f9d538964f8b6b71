"""The process that sends messages: `python -m notify.send notify`. Any number of processes may run.

A message is claimed in a transaction. Its address is fetched, and an attempt is recorded in a second one. The provider is called outside of
any, and the outcome is noted in a third. A process that dies meanwhile leaves an attempt without an outcome. Whoever takes the message over
after `actions.LEASE` asks the provider first. Where nobody can tell, the doubt is recorded; a notice is then sent again, a code is not.
"""

import logging
import signal
import threading

import psycopg
from sqlalchemy.exc import DBAPIError

from chassis.data.database import Database, is_statement_timeout, is_transient
from chassis.data.encryption import EncryptionSettings, FingerprintSettings
from chassis.data.pg_notify import listen
from chassis.failures import Parser, describe, one_line_failures
from chassis.ops import gc_tuning, metrics, telemetry
from chassis.ops.readiness import Readiness
from chassis.settings import Settings
from chassis.start import read_settings
from notify.endpoints.letters import EndpointBook
from notify.messages import actions, manners
from notify.messages.planning import WAKE
from notify.messages.sending import ENDPOINTS, PEOPLE, Sender
from notify.settings import EndpointSettings, SendingSettings

log = logging.getLogger("notify.send")
SETTINGS = (SendingSettings, FingerprintSettings, EncryptionSettings)


def run(settings: Settings, stopping: threading.Event) -> None:
    """Send messages until `stopping` is set. Sleep until woken, at most half a second, and wait out database trouble."""
    database = Database.of(settings, "send")
    readiness = Readiness(log, "send", "database")
    metrics.serve(settings, "send", database, readiness)
    people = Sender(settings.service, database, stopping, PEOPLE)
    book = EndpointBook(EndpointSettings.of_environment().public_url)
    endpoints = Sender(settings.service, database, stopping, ENDPOINTS, book)
    pause = 0.2
    while not stopping.is_set():
        try:
            with listen(settings.database_url, WAKE) as woken:
                while not stopping.is_set():
                    claimed = [_claim(database, sender) for sender in (people, endpoints) if not sender.is_busy]
                    readiness.reach("database")
                    pause = 0.2
                    if people.is_busy:
                        people.wait(0.5)
                    elif not any(claimed):
                        woken.wait(0.05 if endpoints.is_busy else 0.5)
        except Exception as error:
            if not isinstance(error, psycopg.Error) and not is_transient(error):
                raise
            log.warning("sending is interrupted", extra={"error": type(error).__name__, "reason": describe(error), "pause_seconds": pause})
            stopping.wait(pause)
            pause = min(pause * 2, 5.0)
    people.close()
    endpoints.close()
    database.close()


def _claim(database: Database, sender: Sender) -> int:
    """Let a sender take what is due; return how many messages: none while the database is too slow for the question."""
    free = sender.free
    try:
        with database.begin() as session:
            due = manners.hold(session, actions.claim(session, free, sender.lane.priorities))
    except DBAPIError as error:
        if not is_statement_timeout(error):
            raise
        log.warning("claiming messages took too long", extra={"reason": describe(error)})
        return 0
    sender.take(due)
    return len(due)


@one_line_failures
def main() -> None:
    parser = Parser(description=__doc__)
    parser.add_argument("service", choices=["notify"])
    settings = read_settings(parser.parse_args().service, *SETTINGS)
    telemetry.start(settings.service, "send")
    stopping = threading.Event()
    for signum in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signum, lambda *_: stopping.set())
    gc_tuning.collect_rarely()
    run(settings, stopping)


if __name__ == "__main__":
    main()
