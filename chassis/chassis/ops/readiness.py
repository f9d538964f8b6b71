"""Readiness of a process without routes of its own: it was connected to everything that it uses, once since its start."""

import json
import logging
from collections.abc import Callable, Iterable
from typing import Any

from werkzeug.wrappers import Response


class Readiness:
    """The connections that a process waits for at its start. Once it had all of them it is ready, and stays so.

    No request is sent to such a process, so a later outage of the broker needs no answer here: an unready pod would only stop a rollout
    that could mend something.
    """

    def __init__(self, log: logging.Logger, role: str, *connections: str) -> None:
        """Take the log and the role that it names when the process is ready, and what the process waits for."""
        self._log, self._role = log, role
        self.waits_for = set(connections)

    def reach(self, connection: str) -> None:
        """Note that a connection was used with success; log once when it was the last one."""
        if connection in self.waits_for:
            self.waits_for.discard(connection)
            if not self.waits_for:
                self._log.info(f"{self._role} ready")

    def answer(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer 200 when the process is ready, else 503 with the connections that it still waits for."""
        said = {"status": "waiting", "for": sorted(self.waits_for)} if self.waits_for else {"status": "ok"}
        response = Response(json.dumps(said), status=503 if self.waits_for else 200, content_type="application/json")
        return response(environ, start_response)
