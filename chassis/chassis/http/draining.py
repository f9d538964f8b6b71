"""Leaving without anybody noticing: told to stop, a server says it is not ready, serves on for a while, and finishes what it began."""

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

_told = mmap.mmap(-1, 1)
"""One byte that the server and its worker process share, because the worker is forked."""


def is_draining() -> bool:
    """Whether this server was told to stop: nobody new should be sent here."""
    return _told[0] == 1


def install(app: Flask) -> None:
    """Let go of each connection with the next answer on it, once told to stop.

    Whoever keeps connections, past the moment when nobody new is sent here, opens the next one elsewhere; else a request could be on
    its way when the server closes.
    """
    app.after_request(_let_go)


def _let_go(response: Response) -> Response:
    if is_draining():
        response.headers["Connection"] = "close"
    return response


class Server(MPServer):
    """Told to stop, it serves on for `drain_seconds`, until load balancers know that it is not ready; told twice, it stops at once.

    A signal reaches whichever thread of a process the kernel likes, and Python's main thread, waiting for a lock, does not hear what
    another one got. So none gets it: each process has one thread that waits for it.
    """

    def __init__(self, *arguments: Any, drain_seconds: float, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._drain_seconds = drain_seconds

    def serve(self, *_: Any, **__: Any) -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, STOPS)
        super().serve(target_loader=_load)

    def startup(self, *arguments: Any) -> None:
        super().startup(*arguments)  # type: ignore[no-untyped-call]
        _listen(lambda: self.signal_handler_interrupt, times=2)

    def signal_handler_interrupt(self, *_: Any) -> None:
        told_again, _told[0] = is_draining(), 1
        if told_again or not self._drain_seconds:
            super().signal_handler_interrupt()  # type: ignore[no-untyped-call]
            return
        timer = threading.Timer(self._drain_seconds, super().signal_handler_interrupt)
        timer.daemon = True
        timer.start()


def _load(target: str) -> Any:
    """The application, in the worker process, which was born with its server's handlers and gets its own once this has returned."""
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
