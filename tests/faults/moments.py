"""Runs a process of the house that dies, or waits, at a named moment once it is told to: `python -m tests.faults.moments <changes> …`.

The file named by `MOMENT_FILE` says the moment and what to do there, as `committed die`; whoever comes by takes the file away and
does it. `wait` is to stay there until `<file>.reached` is gone. `<changes>` are guards taken out, with commas between, or `-`.
"""

import os
import signal
import sys
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

PATIENCE_SECONDS = 30


def at(moment: str) -> None:
    """Pass a moment; die or wait there if the file asks for it."""
    order = Path(os.environ["MOMENT_FILE"])
    try:
        wanted, act = order.read_text().split()
    except (FileNotFoundError, ValueError):
        return
    if wanted != moment:
        return
    order.unlink()
    if act == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    reached = order.with_suffix(".reached")
    reached.touch()
    deadline = time.monotonic() + PATIENCE_SECONDS
    while reached.exists() and time.monotonic() < deadline:
        time.sleep(0.01)


def around(before: str | None, function: Callable[..., Any], after: str | None) -> Callable[..., Any]:
    def passing(*arguments: Any, **options: Any) -> Any:
        if before:
            at(before)
        result = function(*arguments, **options)
        if after:
            at(after)
        return result

    return passing


def in_relay() -> None:
    """claimed: rows are locked; sent: published, not confirmed; confirmed: not yet journal; kept: journal, not yet committed."""
    from chassis.messaging import broker, journal

    broker.Publisher.publish = around("claimed", broker.Publisher.publish, None)  # type: ignore[method-assign]
    broker.Publisher._wait_for_confirms = around("sent", broker.Publisher._wait_for_confirms, None)  # type: ignore[method-assign]
    journal.move_from_outbox = around("confirmed", journal.move_from_outbox, "kept")


def in_worker() -> None:
    """heard: in the inbox, nothing done; acted: not committed; committed: not acknowledged; acknowledged: on its way to the broker."""
    import amqp

    from chassis.messaging import inbox

    handle = inbox.handle

    def handled(database: Any, handler: str, heard: Any, act: Callable[..., Any]) -> Any:
        return handle(database, handler, heard, around("heard", act, "acted"))

    inbox.handle = handled
    amqp.Channel.basic_ack = around("committed", amqp.Channel.basic_ack, "acknowledged")


def in_clear() -> None:
    """booked: somebody waits to be cleared; cleared: not committed."""
    from matching.clearing import actions

    clear = actions.clear

    def cleared(*arguments: Any, **options: Any) -> Any:
        at("booked")
        came_to = clear(*arguments, **options)
        if came_to.proposals:
            at("cleared")
        return came_to

    actions.clear = cleared


def in_topology() -> None:
    """declared: a queue stands and is not bound."""
    import amqp

    amqp.Channel.queue_bind = around("declared", amqp.Channel.queue_bind, None)


def without_inbox() -> None:
    """Take the handler's inbox away: it is written and never read."""
    from chassis.messaging import inbox

    first_time = inbox.record_new

    def every_time(session: Any, handler: str, heard: Any) -> list[Any]:
        first_time(session, handler, heard)
        return [one.event for one in heard]

    inbox.record_new = every_time


def acknowledged_on_arrival() -> None:
    """Acknowledge messages before anything is committed."""
    import amqp

    consume = amqp.Channel.basic_consume
    amqp.Channel.basic_consume = lambda self, queue, callback: consume(self, queue, callback=callback, no_ack=True)
    amqp.Channel.basic_ack = lambda *_, **__: None


def told_before_confirmed() -> None:
    """Count an event as published before its confirm arrives."""
    from chassis.messaging import broker

    broker.Publisher._wait_for_confirms = lambda self: self._unconfirmed.clear()  # type: ignore[method-assign]


MOMENTS = {"chassis.relay": in_relay, "chassis.worker": in_worker, "matching.clear": in_clear, "chassis.topology": in_topology}


def main() -> None:
    changes, process = sys.argv[1:3]
    module = import_module(process)
    for change in [] if changes == "-" else changes.split(","):
        globals()[change]()
    MOMENTS[process]()
    sys.argv[:] = sys.argv[2:]
    module.main()


if __name__ == "__main__":
    main()
