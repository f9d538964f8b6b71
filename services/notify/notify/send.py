"""The process that sends codes by SMS: `python -m notify.send notify`. Any number of processes may run.

An attempt has three steps: claim the code in a transaction, call door and provider outside of any, note the outcome in another one.
A process that dies between the last two leaves a claim that another one takes over after `actions.LEASE`. The same code is then sent
twice, which harms nobody; a code that is never sent would keep somebody out.
"""

import logging
import signal
import threading
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

import psycopg
from prometheus_client import Counter, Histogram

from chassis.data.database import Database, is_transient, now
from chassis.data.pg_notify import listen
from chassis.failures import Parser, describe, one_line_failures
from chassis.messaging.inbox import retry_on_database_errors
from chassis.ops import gc_tuning, metrics, telemetry
from chassis.ops.readiness import Readiness
from chassis.settings import Settings
from chassis.start import read_settings
from notify.codes import actions
from notify.codes.actions import CHANNEL, Claimed
from notify.codes.door import Door, DoorError
from notify.codes.rules import OUTCOMES, Outcome, minutes_left
from notify.settings import SendingSettings
from notify.sms.channel import SmsChannel, SmsError
from notify.sms.tencent import TencentSms

log = logging.getLogger("notify.send")
SETTINGS = (SendingSettings,)
AT_ONCE = 8
"""Attempts at a time. One that waits for the provider holds a thread, but no connection to the database."""
_SMS = Counter(
    "duijie_sms_total", "Attempts at sending an SMS: sent, failed (repeated), expired, gone, refused, unconfigured", ["service", "outcome"]
)
_SECONDS = Histogram("duijie_sms_seconds", "From hearing of a code until the provider has taken it", ["service"], buckets=metrics.SECONDS)


class Sender:
    """Attempts at sending codes, each in a thread."""

    def __init__(self, settings: Settings, database: Database, stopping: threading.Event) -> None:
        sending = SendingSettings.of_environment()
        self._service, self._database, self._stopping = settings.service, database, stopping
        self._provider = sending.provider
        self._door = Door(sending.users_url, sending.door) if sending.door else None
        self._channels = threading.local()
        for outcome in OUTCOMES:
            _SMS.labels(self._service, outcome)
        _SECONDS.labels(self._service)
        if self._provider is None:
            log.warning("no SMS provider is set: codes are not sent")

    def attempt(self, claimed: Claimed) -> None:
        """Fetch a code, send it, and note the outcome."""
        outcome, reason = self._send(claimed)
        _SMS.labels(self._service, outcome).inc()
        if outcome == "sent":
            _SECONDS.labels(self._service).observe((now() - claimed.heard_at).total_seconds())
        elif outcome != "gone":
            log.warning(
                f"a code was not sent: {outcome}",
                extra={"code_id": str(claimed.code_id), "kind": claimed.purpose, "reason": reason, "attempt": claimed.attempts},
            )

        def note() -> None:
            with self._database.begin() as session:
                actions.note_outcome(session, claimed, outcome, reason)

        retry_on_database_errors(note, giving_up=self._stopping.is_set, pause=self._stopping.wait)

    def _send(self, claimed: Claimed) -> tuple[Outcome, str | None]:
        if claimed.expires_at <= now():
            return "expired", None
        if self._door is None:
            return "unconfigured", None
        try:
            found = self._door.fetch_code(claimed.code_id)
            if found is None:
                return "gone", None
            self._channel().send_code(found.phone, found.code, minutes_left(now(), claimed.expires_at), str(claimed.code_id))
        except DoorError as error:
            return "failed", error.reason
        except SmsError as error:
            return error.outcome, error.reason
        return "sent", None

    def _channel(self) -> SmsChannel:
        if not hasattr(self._channels, "own"):
            assert self._provider
            self._channels.own = TencentSms(self._provider)
        channel: SmsChannel = self._channels.own
        return channel

    def close(self) -> None:
        if self._door:
            self._door.close()


def run(settings: Settings, stopping: threading.Event) -> None:
    """Send codes until `stopping` is set. Sleep until woken, at most half a second, and wait out database trouble."""
    database = Database.of(settings, "send")
    readiness = Readiness(log, "send", "database")
    metrics.serve(settings, "send", database, readiness)
    sender = Sender(settings, database, stopping)
    pause = 0.2
    with ThreadPoolExecutor(AT_ONCE, "send") as pool:
        running: set[Future[None]] = set()
        while not stopping.is_set():
            try:
                with listen(settings.database_url, CHANNEL) as woken:
                    while not stopping.is_set():
                        running = _unfinished(running)
                        if len(running) == AT_ONCE:
                            wait(running, timeout=0.5, return_when=FIRST_COMPLETED)
                            continue
                        with database.begin() as session:
                            due = actions.claim(session, AT_ONCE - len(running))
                        readiness.reach("database")
                        pause = 0.2
                        running |= {pool.submit(sender.attempt, one) for one in due}
                        if not due:
                            woken.wait(0.5)
            except Exception as error:
                if not isinstance(error, psycopg.Error) and not is_transient(error):
                    raise
                log.warning(
                    "sending is interrupted", extra={"error": type(error).__name__, "reason": describe(error), "pause_seconds": pause}
                )
                stopping.wait(pause)
                pause = min(pause * 2, 5.0)
    sender.close()
    database.close()


def _unfinished(running: set[Future[None]]) -> set[Future[None]]:
    """Return the attempts that still run. Raises what an ended one raised."""
    ended = {one for one in running if one.done()}
    for one in ended:
        one.result()
    return running - ended


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
