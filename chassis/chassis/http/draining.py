"""Draining of web processes: after SIGTERM they report not ready, serve on for a while, and finish what they began."""

import time
from types import FrameType

import uvicorn
from flask import Flask, Response

_draining = False


def is_draining() -> bool:
    """Tell whether this process was told to stop, so that it should get no new connections."""
    return _draining


def install(app: Flask) -> None:
    """While draining, close each connection with its next response.

    Clients with open connections then open the next one at another process; otherwise a request could be on its way when the server closes.
    """
    app.after_request(_let_go)


def _let_go(response: Response) -> Response:
    if is_draining():
        response.headers["Connection"] = "close"
    return response


class Server(uvicorn.Server):
    """A server that serves on for `drain_seconds` after the first signal, until load balancers know; a second one stops it at once."""

    def __init__(self, config: uvicorn.Config, drain_seconds: float) -> None:
        super().__init__(config)
        self._drain_seconds = drain_seconds
        self._stops_at = float("inf")

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to drain; stop at once when draining already."""
        global _draining
        self._stops_at = time.monotonic() + (0 if _draining else self._drain_seconds)
        _draining = True

    async def on_tick(self, counter: int) -> bool:
        """Tell, ten times a second, whether to stop."""
        return await super().on_tick(counter) or time.monotonic() >= self._stops_at
