"""Connections of a server: each is closed that sends no whole request in time, and each is counted."""

import json
import socket
from asyncio import TimerHandle, Transport, get_running_loop
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, ClassVar, Literal, get_args

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from chassis import problems
from chassis.http.headers import SAFE
from chassis.ops import metrics
from chassis.problems import Problem

HEADER_SECONDS = 10
IDLE_SECONDS = 30
UNREAD_SECONDS = 30
"""How long a client may leave an answer unread."""
HEADER_BYTES = 64 * 1024
MOST_CONNECTIONS = 4096
CONNECTION = "chassis.connection"
"""The extension of ASGI by which an application reaches the connection of its request."""
Reason = Literal["header", "idle", "body", "full"]


class Connection(HttpToolsProtocol):
    """One connection of the server named `service`. `waiting` holds those without a request, the longest waiting first."""

    service: ClassVar[str]
    most: ClassVar[int]
    waiting: ClassVar[dict["Connection", None]]

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._header_deadline: TimerHandle | None = None
        self._in_header = False
        self._header_bytes = 0
        self._is_refused = False
        self.on_lost: Callable[[], None] | None = None

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        """Give the client its time to send a request. When there are too many connections, close the one that waits longest."""
        super().connection_made(transport)
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNREAD_SECONDS * 1000)
        self.waiting[self] = None
        metrics.connections.labels(self.service).inc()
        self._set_header_deadline()
        if len(self.connections) > self.most:
            next(iter(self.waiting)).close_early("full")

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        super().connection_lost(exc)
        self._unset_keepalive_if_required()
        self._unset_header_deadline()
        self.waiting.pop(self, None)
        metrics.connections.labels(self.service).dec()
        if self.on_lost is not None:
            self.on_lost()
            self.on_lost = None

    def data_received(self, data: bytes) -> None:
        """Read what the client sent; refuse a header that is too long."""
        if self._is_refused:
            return
        begins_header = not self._has_request()
        super().data_received(data)
        if self.transport.is_closing() or self._is_refused:
            return
        if self._in_header and (begins_header or self._header_bytes):
            self._header_bytes += len(data)
        if self._header_bytes > HEADER_BYTES:
            self.refuse(problems.header_too_large())
        elif not self._has_request():
            self._set_header_deadline()

    def on_message_begin(self) -> None:
        """Begin to read a header."""
        super().on_message_begin()
        self._in_header, self._header_bytes = True, 0
        self.scope["extensions"] = {CONNECTION: {CONNECTION: self}}

    def on_headers_complete(self) -> None:
        """Begin to answer the request."""
        self._in_header, self._header_bytes = False, 0
        self._unset_header_deadline()
        self.waiting.pop(self, None)
        super().on_headers_complete()

    def on_response_complete(self) -> None:
        """Let the connection wait for its next request."""
        super().on_response_complete()
        if self.timeout_keep_alive_task is not None:
            self.waiting[self] = None

    def timeout_keep_alive_handler(self) -> None:
        """Close the connection: it was idle for too long."""
        self.close_early("idle")

    def close_early(self, reason: Reason) -> None:
        """Close the connection at once, without an answer, and count why."""
        if not self.transport.is_closing():
            metrics.connections_closed.labels(self.service, reason).inc()
            self.waiting.pop(self, None)
            self.transport.abort()

    def refuse(self, problem: Problem) -> None:
        """Answer with a problem in Chinese, since the language of the caller is not known yet.

        The client has its time to read the answer: a connection that is closed while data arrive is reset, and the answer lost. While
        earlier requests are being answered nothing more is read: a problem now would be taken for the answer to one of those.
        """
        self._is_refused = True
        if self.pipeline or (self._has_request() and not self.cycle.more_body):
            self.cycle.keep_alive = False
            return
        body = json.dumps(problem.body("zh-CN"), ensure_ascii=False).encode()
        said = {"Content-Type": "application/problem+json", "Content-Length": len(body), "Connection": "close", **SAFE}
        header = "".join(f"{name}: {value}\r\n" for name, value in said.items())
        self.transport.write(f"HTTP/1.1 {problem.status} {HTTPStatus(problem.status).phrase}\r\n{header}\r\n".encode() + body)
        self.transport.write_eof()
        self._set_header_deadline()

    def send_400_response(self, _: str) -> None:
        """Refuse what is not HTTP, or HTTP that two readers could understand differently."""
        self.refuse(problems.bad_request())

    def _has_request(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _set_header_deadline(self) -> None:
        if self._header_deadline is None:
            self._header_deadline = get_running_loop().call_later(HEADER_SECONDS, self.close_early, "header")

    def _unset_header_deadline(self) -> None:
        if self._header_deadline is not None:
            self._header_deadline.cancel()
            self._header_deadline = None


def connections_of(service: str, most: int | None = None) -> type[Connection]:
    """Return the class of a server's connections, of which there are `most` at once; by default `MOST_CONNECTIONS`."""
    for reason in get_args(Reason):
        metrics.connections_closed.labels(service, reason)
    return type("Connection", (Connection,), {"service": service, "most": MOST_CONNECTIONS if most is None else most, "waiting": {}})
