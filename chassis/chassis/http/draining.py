"""Draining of web processes: after SIGTERM they report not ready, serve on for a while, and finish what they began."""

import mmap
import signal
import threading
import time
from collections.abc import Callable
from typing import Any

from flask import Flask, Response
from granian.server.mp import MPServer
from werkzeug.utils import import_string

STOPS = {signal.SIGTERM, signal.SIGINT}

_draining = mmap.mmap(-1, 1)
"""One byte that the server and its worker process share, because the worker is forked."""


def is_draining() -> bool:
    """Tell whether this server was told to stop, so that it should get no new connections."""
    return _draining[0] == 1


def install(app: Flask) -> None:
    """While draining, close each connection with its next response.

    Clients with open connections then open the next one at another process; otherwise a request could be on its way when the server closes.
    """
    app.after_request(_let_go)


def _let_go(response: Response) -> Response:
    if is_draining():
        response.headers["Connection"] = "close"
    return response


class Server(MPServer):
    """A Granian server that serves on for `drain_seconds` after the first signal, until load balancers know; a second one stops it at once.

    The kernel delivers a signal to any thread, and Python's main thread does not notice it while it waits for a lock. So all threads block
    the signals, and each process has one thread that waits for them.
    """

    def __init__(self, *arguments: Any, drain_seconds: float, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._drain_seconds = drain_seconds

    def serve(self, *_: Any, **__: Any) -> None:
        """Serve until told to stop."""
        signal.pthread_sigmask(signal.SIG_BLOCK, STOPS)
        super().serve(target_loader=_load)

    def startup(self, *arguments: Any) -> None:
        """Start the worker process, then wait for signals."""
        super().startup(*arguments)  # type: ignore[no-untyped-call]
        _listen(lambda: self.signal_handler_interrupt, times=2)

    def signal_handler_interrupt(self, *_: Any) -> None:
        """Begin to drain; stop at once when draining already, or when `drain_seconds` is 0."""
        is_second, _draining[0] = is_draining(), 1
        if is_second or not self._drain_seconds:
            super().signal_handler_interrupt()  # type: ignore[no-untyped-call]
            return
        timer = threading.Timer(self._drain_seconds, super().signal_handler_interrupt)
        timer.daemon = True
        timer.start()


def _load(target: str) -> Any:
    """Load the application in the worker process, which inherits the server's handlers and gets its own after this returns."""
    born_with = signal.getsignal(signal.SIGTERM)

    def own() -> Any:
        while (handler := signal.getsignal(signal.SIGTERM)) == born_with:
            time.sleep(0.01)
        return handler

    _listen(own, times=1)
    return import_string(target)()


def _listen(handler: Callable[[], Any], times: int) -> None:
    def hear() -> None:
        handle = handler()
        for _ in range(times):
            handle(signal.sigwait(STOPS), None)

    threading.Thread(target=hear, daemon=True, name="listening").start()
