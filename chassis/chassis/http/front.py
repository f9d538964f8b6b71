"""The front of a WSGI application: it reads each request whole, then one of a fixed number of threads answers it.

So a client that sends slowly takes no thread, and health checks have threads of their own.
"""

import asyncio
import logging
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from io import BytesIO
from typing import Any
from urllib.parse import unquote_to_bytes

from werkzeug.test import run_wsgi_app

from chassis.ops import metrics
from chassis.problems import Problem, body_too_slow, too_large, unavailable

WSGIApplication = Callable[[dict[str, Any], Any], Iterable[bytes]]
Message = dict[str, Any]
Receive = Callable[[], Any]
Send = Callable[[Message], Any]
Answer = tuple[int, list[tuple[bytes, bytes]], bytes]
"""The status, the headers and the whole content of an answer."""

log = logging.getLogger("chassis.deadlines")
HEALTH = ("/livez", "/readyz")
BODY_SECONDS = 30
HELD_BYTES = 64 * 1024 * 1024
"""The most memory that bodies of requests may take together until they are answered."""
CLOSED = {"Connection": "close"}
ENDS_AT = "chassis.ends_at"
"""Key of the environment: the moment, of `time.monotonic`, by which the request must be answered."""
REFUSED = "chassis.refused"
"""Key of the environment: the problem with which the request is to be answered."""


class Disconnected(Exception):
    """The client closed the connection before its request was whole."""


class Front:
    """An ASGI application before a WSGI one. A request that waits too long for its body or for a thread is refused."""

    def __init__(
        self,
        app: WSGIApplication,
        service: str,
        threads: int,
        request_seconds: float,
        largest_body: int,
        is_slow: Callable[[str, str], bool] = lambda method, path: False,
    ) -> None:
        """`is_slow` tells by method and path which requests take processor time: these get a quarter of the threads at most."""
        self._app = app
        self._service = service
        self._request_seconds = request_seconds
        self._largest_body = largest_body
        self._held_bytes = 0
        self._slots = asyncio.Semaphore(threads)
        self._is_slow = is_slow
        self._slow_slots = asyncio.Semaphore(max(1, threads // 4))
        self._threads = ThreadPoolExecutor(threads, "answering")
        self._refusing = ThreadPoolExecutor(1, "refusing")
        self._health = {path: ThreadPoolExecutor(1, "health") for path in HEALTH}

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if answer := await self.answer(scope, receive):
            status, headers, content = answer
            await send({"type": "http.response.start", "status": status, "headers": headers})
            await send({"type": "http.response.body", "body": content})

    async def answer(self, scope: Message, receive: Receive, more: Mapping[str, Any] | None = None) -> Answer | None:
        """Return the status, headers and content of the answer; None when the client left. `more` is added to the environment."""
        body = bytearray()
        try:
            await self._read(receive, body)
            environ = environ_of(scope, body) | {ENDS_AT: time.monotonic() + self._request_seconds, **(more or {})}
            async with self._thread(scope["method"], scope["path"]) as threads:
                return await self._answer(threads, environ)
        except Problem as refused:
            return await self._answer(self._refusing, environ_of(scope, b"") | {REFUSED: refused})
        except Disconnected:
            return None
        finally:
            self._held_bytes -= len(body)

    async def _read(self, receive: Receive, body: bytearray) -> None:
        """Read the body; what is too much of it is not kept. Raises `too_large`, `body_too_slow`, `unavailable` or `Disconnected`.

        A body that is too large is read to its end: most clients read no answer before they have sent everything.
        """
        more, length = True, 0
        try:
            async with asyncio.timeout(BODY_SECONDS):
                while more:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise Disconnected
                    more, chunk = message["more_body"], message["body"]
                    length += len(chunk)
                    if length <= self._largest_body:
                        body += chunk
                        self._held_bytes += len(chunk)
                    if more and self._held_bytes > HELD_BYTES:
                        log.warning("bodies on their way take too much memory")
                        raise unavailable(retry_after_seconds=2, headers=CLOSED)
        except TimeoutError:
            metrics.connections_closed.labels(self._service, "body").inc()
            raise body_too_slow(headers=CLOSED) from None
        if length > self._largest_body:
            raise too_large()

    @asynccontextmanager
    async def _thread(self, method: str, path: str) -> AsyncIterator[ThreadPoolExecutor]:
        """Wait for a free thread, in order of arrival. Raises `unavailable` after `request_seconds`."""
        if path in self._health:
            yield self._health[path]
        elif self._is_slow(method, path):
            async with self._slot(self._slow_slots), self._slot(self._slots):
                yield self._threads
        else:
            async with self._slot(self._slots):
                yield self._threads

    @asynccontextmanager
    async def _slot(self, slots: asyncio.Semaphore) -> AsyncIterator[None]:
        if slots.locked():
            try:
                async with asyncio.timeout(self._request_seconds):
                    await slots.acquire()
            except TimeoutError:
                log.warning("a request waited too long for a thread")
                raise unavailable(retry_after_seconds=2) from None
        else:
            await slots.acquire()
        try:
            yield
        finally:
            slots.release()

    async def _answer(self, threads: ThreadPoolExecutor, environ: dict[str, Any]) -> Answer:
        return await asyncio.get_running_loop().run_in_executor(threads, respond, self._app, environ)


def respond(app: WSGIApplication, environ: dict[str, Any]) -> Answer:
    """Call a WSGI application; return the status, the headers and the whole content."""
    content, status, headers = run_wsgi_app(app, environ, buffered=True)
    said = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]
    return int(status[:3]), said, b"".join(content)


def environ_of(scope: Message, body: bytes | bytearray) -> dict[str, Any]:
    """Return the WSGI environment of an ASGI request with this body (PEP 3333)."""
    environ = {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(scope["raw_path"]).decode("latin-1"),
        "QUERY_STRING": scope["query_string"].decode("latin-1"),
        "SERVER_NAME": scope["server"][0],
        "SERVER_PORT": str(scope["server"][1]),
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "REMOTE_ADDR": scope["client"][0] if scope["client"] else "",
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope["scheme"],
        "wsgi.input": BytesIO(body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for raw, value in scope["headers"]:
        # A name with an underscore would look like another header, which a proxy may have set.
        if b"_" in raw or raw in {b"content-length", b"transfer-encoding"}:
            continue
        name = raw.decode("latin-1").upper().replace("-", "_")
        key = name if name == "CONTENT_TYPE" else f"HTTP_{name}"
        text = value.decode("latin-1")
        environ[key] = f"{environ[key]}{'; ' if name == 'COOKIE' else ','}{text}" if key in environ else text
    return environ
