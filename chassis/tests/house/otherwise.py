"""Runs a process of the house with changes: `python -m otherwise without_inbox,dies_before_ack chassis.worker pantry`.

A guard is taken out, to show that without it a test fails; or the process kills itself at the worst moment.
"""

import os
import signal
import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any, NoReturn


def die(*_: Any, **__: Any) -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    raise SystemExit


def without_inbox() -> None:
    from chassis.messaging import inbox

    inbox.record_new = lambda session, handler, heard: [one.event for one in heard]


def always_ready() -> None:
    from chassis.ops import readiness

    readiness.Readiness.__init__ = lambda self, *_: setattr(self, "waits_for", set())


def without_wait_selector() -> None:
    import psycopg.waiting

    psycopg.waiting.wait_selector = psycopg.waiting.wait


def without_patience() -> None:
    from chassis.messaging import inbox

    inbox.is_transient = lambda error: False


def acknowledging_when_stopped() -> None:
    """Acknowledge what was not handled, when the process is told to stop."""
    from chassis.messaging.consumer import Handles
    from chassis.testing.twins import altered

    Handles._conclude = altered(Handles._conclude, "return False\n    if error is None", "error = None\n    if error is None")
    Handles._settle_group = altered(Handles._settle_group, "if error is None:", "if error is None or isinstance(error, Interrupted):")


def in_one_batch() -> None:
    """Gather a batch until nothing has arrived for half a second."""
    from chassis.messaging import consumer

    def gather(connection: Any, arrived: Any, most: int) -> None:
        while len(arrived) < most and consumer._read(connection, 0.5):
            pass

    consumer._gather = gather


def hears_both_withdrawals() -> None:
    """One method handles both events, and notes of which types its list is."""
    import pantry.worker
    from pantry.model import Taken

    from chassis.messaging.events import ServiceWorker, handles_batch
    from contracts.needs import NeedWithdrawn, PledgeWithdrawn

    class Worker(ServiceWorker):
        name = "pantry"

        @handles_batch(NeedWithdrawn, PledgeWithdrawn)
        def on_withdrawn(self, session: Any, events: Any) -> None:
            types = " and ".join(sorted({type(event).__name__ for event in events}))
            session.add_all(Taken(name=types, subject=event.subject) for event in events)

    pantry.worker.Worker = Worker  # type: ignore[misc]


def without_further_events() -> None:
    """A method hears the first of its events alone."""
    from chassis.messaging import events

    registering = events._registering
    events._registering = lambda entrypoints: registering(entrypoints[:1])


def says_when_it_takes_no_more() -> None:
    from chassis.messaging.consumer import Handles

    setup = Handles.setup

    def set_up(self: Any) -> None:
        setup(self)
        wait = self._at_work.waitall

        def say_and_wait() -> None:
            print(self._handler.subscription.queue, "takes no more", flush=True)
            wait()

        self._at_work.waitall = say_and_wait

    Handles.setup = set_up


def held_before_journal() -> None:
    from pantry.actions import wait_while_held

    from chassis.messaging import journal

    keep = journal.move_from_outbox

    def keep_when_let(session: Any, rows: Any) -> None:
        wait_while_held(session)
        keep(session, rows)

    journal.move_from_outbox = keep_when_let


def without_single_file() -> None:
    from chassis.messaging.consumer import Handles

    def settle(self: Any, connection: Any, channel: Any, pairs: Any) -> bool:
        error = self._attempt([heard for _, heard in pairs])
        return all(self._conclude(channel, message, heard, error) for message, heard in pairs)

    Handles._settle_group = settle


def without_shuffling() -> None:
    import random

    random.shuffle = lambda _: None


def without_gathering() -> None:
    from chassis.messaging import consumer

    consumer._gather = lambda connection, arrived, most: consumer._read(connection, 1.0)


def without_reading_safely() -> None:
    from chassis.messaging.consumer import Handles
    from chassis.messaging.inbox import Received
    from contracts.event import Envelope, decode

    def read(self: Any, message: Any) -> Received:
        envelope = Envelope.of(message.headers)
        return Received(envelope.id, decode(self.event, message.body))

    Handles._read_message = read


def without_draining() -> None:
    """Let SIGTERM end the process at once."""
    signal.signal = lambda signum, handler: signal.SIG_DFL


def without_letting_go() -> None:
    from chassis.http import draining

    draining.install = lambda app: None


def without_heartbeats() -> None:
    import amqp

    amqp.Connection.heartbeat_tick = lambda *_, **__: None


def without_locks() -> None:
    from sqlalchemy import select

    from chassis.messaging import outbox

    outbox.lock_batch = lambda session, limit, without=(): session.execute(
        select(outbox.outbox).order_by(outbox.outbox.c.id).limit(limit)
    ).all()


def without_discretion() -> None:
    import structlog

    from chassis.ops import telemetry

    telemetry.drop_exception_text = structlog.processors.format_exc_info


def without_withholding() -> None:
    from chassis.ops import telemetry

    telemetry.keep_allowed_keys = lambda _, __, entry: entry


def with_pantry_listed() -> None:
    from chassis.messaging import resend

    resend.listeners = lambda: {"need_withdrawn": ["pantry"]}


def with_a_thread_for_each_body() -> None:
    """Take a thread before the body has arrived."""
    from chassis.http.front import Front

    read = Front._read

    async def hold(self: Any, *arguments: Any) -> None:
        async with self._thread("POST", "/v1"):
            await read(self, *arguments)

    Front._read = hold


def with_short_deadlines() -> None:
    _set_deadlines(1)


def without_deadlines() -> None:
    _set_deadlines(1000)


def _set_deadlines(seconds: int) -> None:
    from chassis.http import connections, front, server

    connections.HEADER_SECONDS = server.IDLE_SECONDS = front.BODY_SECONDS = seconds


def with_problems_at_once() -> None:
    """Write a problem while earlier requests are being answered."""
    from chassis.http.connections import Connection

    Connection._has_request = lambda self: False


def with_few_connections() -> None:
    from chassis.http import connections

    connections.MOST_CONNECTIONS = 10


def with_naps_in_the_process() -> None:
    """Sleep in the process in place of the database."""
    from time import sleep

    from pantry import actions

    actions.nap = lambda session, milliseconds, times: sleep(milliseconds / 1000)


def with_any_number_of_threads() -> None:
    """Answer all requests at once."""
    from chassis.http.front import Front

    begin = Front.__init__
    Front.__init__ = lambda self, app, service, threads, *others: begin(self, app, service, 50, *others)


def dies_before_ack() -> None:
    import amqp

    amqp.Channel.basic_ack = die


def dies_before_journal() -> None:
    from chassis.messaging import journal

    journal.move_from_outbox = die


BEFORE_IMPORT = {without_wait_selector}


def main() -> None:
    changes: list[Callable[[], None]] = [globals()[name] for name in sys.argv[1].split(",")]
    process = sys.argv[2]
    for change in changes:
        if change in BEFORE_IMPORT:
            change()
    module = import_module(process)
    if hasattr(module, "__path__"):
        module = import_module(f"{process}.__main__")
    for change in changes:
        if change not in BEFORE_IMPORT:
            change()
    sys.argv[:] = sys.argv[2:]
    module.main()


if __name__ == "__main__":
    main()
