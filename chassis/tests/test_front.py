"""Requests that take processor time get a quarter of the threads, so that others do not wait behind them."""

import asyncio
import socket
import sys
import threading
from collections.abc import Callable, Iterable
from typing import Any

import pytest
import uvicorn
from flask import Flask

from chassis.http import draining, front, server
from chassis.http.front import Front, environ_of, respond
from chassis.http.routes import BODY_BYTES
from chassis.http.server import largest_body, slow_requests
from chassis.settings import WebSettings
from chassis.testing.twins import unguarded

THREADS = 4


async def ask(front: Front, path: str) -> int:
    said: list[int] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            said.append(message["status"])

    scope = {
        "method": "GET", "path": path, "raw_path": path.encode(), "query_string": b"", "server": ("127.0.0.1", 1), "client": None,
        "http_version": "1.1", "scheme": "http", "headers": [],
    }  # fmt: skip
    await front(scope, receive, send)
    return said[0]


async def meet(is_slow: Callable[[str, str], bool]) -> tuple[int | None, int, list[int]]:
    """Return the status of a quick request beside many slow ones, None if it waited; how many slow ones ran; and their statuses."""
    running, go_on = threading.Semaphore(0), threading.Event()

    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if environ["PATH_INFO"] == "/slow":
            running.release()
            go_on.wait(10)
        start_response("200 OK", [])
        return [b""]

    front = Front(app, "pantry", THREADS, 10, 1000, is_slow)
    slow = [asyncio.create_task(ask(front, "/slow")) for _ in range(2 * THREADS)]
    await asyncio.to_thread(running.acquire)
    try:
        quick: int | None = await asyncio.wait_for(ask(front, "/quick"), 0.5)
    except TimeoutError:
        quick = None
    ran = 1
    while running.acquire(blocking=False):
        ran += 1
    go_on.set()
    return quick, ran, await asyncio.gather(*slow)


@pytest.mark.parametrize("is_told", [True, unguarded(False, "without it, slow requests take all threads")])
def test_quick_request_does_not_wait_behind_slow_ones(is_told: bool) -> None:
    quick, ran, slow = asyncio.run(meet(lambda method, path: is_told and path == "/slow"))
    assert (quick, ran, slow) == (200, THREADS // 4, [200] * 2 * THREADS)


def test_slow_requests_are_known_by_method_and_path() -> None:
    def view() -> str:
        return ""

    def slow_view() -> str:
        return ""

    slow_view.slow = True  # type: ignore[attr-defined]
    app = Flask("front")
    app.add_url_rule("/v1/sessions", "sign_in", slow_view, methods=["POST"])
    app.add_url_rule("/v1/sessions", "list", view)
    app.add_url_rule("/v1/registrations/<uuid:request_id>/proof", "prove", slow_view, methods=["POST"])
    is_slow = slow_requests([app])
    asked = [("POST", "/v1/sessions"), ("GET", "/v1/sessions"), ("POST", "/v1/sessions/x"), ("POST", "/v1/registrations/1-2/proof")]
    assert [is_slow(*one) for one in asked] == [True, False, False, True]
    assert not slow_requests([])("POST", "/v1/sessions")


SCOPE: dict[str, Any] = {
    "method": "POST", "path": "/v1/棉被", "raw_path": b"/v1/%E6%A3%89%E8%A2%AB", "query_string": b"a=1&b=%20", "server": ("10.0.0.1", 8000),
    "client": ("10.0.0.2", 5000), "http_version": "1.1", "scheme": "https",
    "headers": [
        (b"content-type", b"application/json"), (b"content-length", b"999"), (b"transfer-encoding", b"chunked"),
        (b"x-real_ip", b"10.9.9.9"), (b"accept-language", b"zh-CN"), (b"cookie", b"a=1"), (b"cookie", b"b=2"),
        (b"x-forwarded-for", b"10.0.0.3"), (b"x-forwarded-for", b"10.0.0.4"),
    ],
}  # fmt: skip


def test_environment_says_what_the_request_said() -> None:
    environ = environ_of(SCOPE, b"{}")
    assert environ.pop("wsgi.input").read() == b"{}"
    assert environ == {
        "REQUEST_METHOD": "POST", "SCRIPT_NAME": "", "PATH_INFO": "/v1/棉被".encode().decode("latin-1"), "QUERY_STRING": "a=1&b=%20",
        "SERVER_NAME": "10.0.0.1", "SERVER_PORT": "8000", "SERVER_PROTOCOL": "HTTP/1.1", "REMOTE_ADDR": "10.0.0.2",
        "CONTENT_TYPE": "application/json", "CONTENT_LENGTH": "2", "HTTP_ACCEPT_LANGUAGE": "zh-CN", "HTTP_COOKIE": "a=1; b=2",
        "HTTP_X_FORWARDED_FOR": "10.0.0.3,10.0.0.4", "wsgi.version": (1, 0), "wsgi.url_scheme": "https", "wsgi.errors": sys.stderr,
        "wsgi.multithread": True, "wsgi.multiprocess": False, "wsgi.run_once": False,
    }  # fmt: skip
    assert environ_of(SCOPE | {"client": None}, b"")["REMOTE_ADDR"] == ""


def test_answer_has_status_headers_and_all_content() -> None:
    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        start_response("404 Not Found Here", [("Content-Type", "text/plain"), ("X-Two", "b")])
        yield b"no"
        yield b"thing"

    assert respond(app, environ_of(SCOPE, b"")) == (404, [(b"content-type", b"text/plain"), (b"x-two", b"b")], b"nothing")


async def send_body(front: Front, *chunks: bytes) -> tuple[int, dict[bytes, bytes], int]:
    """Send a body in parts; return the status, the headers, and how many parts were read."""
    said: list[dict[str, Any]] = []
    parts = [{"type": "http.request", "body": chunk, "more_body": number < len(chunks)} for number, chunk in enumerate(chunks, 1)]
    left = iter(parts)

    async def receive() -> dict[str, Any]:
        return next(left)

    async def send(message: dict[str, Any]) -> None:
        said.append(message)

    await front(SCOPE, receive, send)
    return said[0]["status"], dict(said[0]["headers"]), len(chunks) - len(list(left))


def echo(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    refused = environ.get(front.REFUSED)
    start_response(f"{refused.status if refused else 200} said", list(refused.headers.items()) if refused else [])
    return [environ["wsgi.input"].read()]


def test_body_is_read_to_its_end_and_no_more_of_it_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    one = Front(echo, "pantry", 1, 10, 10)
    assert asyncio.run(send_body(one, b"12345", b"67890")) == (200, {}, 2)
    assert asyncio.run(send_body(one, b"12345", b"678901", b"2", b"3")) == (413, {}, 4)
    monkeypatch.setattr(front, "HELD_BYTES", 10)
    for last in (b"1", b"2"):
        assert asyncio.run(send_body(Front(echo, "pantry", 1, 10, 100), b"1234567890", last))[0] == 200
    full = Front(echo, "pantry", 1, 10, 100)
    assert asyncio.run(send_body(full, b"12345678901", b"2")) == (503, {b"connection": b"close"}, 1)
    assert asyncio.run(send_body(full, b"1234567890", b"2"))[0] == 200, "what was refused takes no memory"


def test_first_signal_drains_and_the_second_stops(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(draining, "_draining", False)
    monkeypatch.setattr("time.monotonic", lambda: 1000.0)
    stopping = draining.Server(uvicorn.Config("nothing:app", log_config=None), 60)
    assert not draining.is_draining()
    assert stopping._stops_at > 10**9
    stopping.handle_exit(15, None)
    assert (draining.is_draining(), stopping._stops_at) == (True, 1060)
    stopping.handle_exit(15, None)
    assert (draining.is_draining(), stopping._stops_at) == (True, 1000)


def has_ipv6() -> bool:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


ON_IPV6 = pytest.param("::1", socket.AF_INET6, marks=pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6"))


@pytest.mark.parametrize(("host", "family"), [("127.0.0.1", socket.AF_INET), ON_IPV6])
def test_server_believes_no_address_that_a_header_names(monkeypatch: pytest.MonkeyPatch, host: str, family: socket.AddressFamily) -> None:
    started: list[tuple[uvicorn.Config, socket.socket]] = []
    monkeypatch.setattr(draining.Server, "run", lambda self, sockets: started.append((self.config, sockets[0])))
    server.serve(echo, "pantry", host, 0, WebSettings.of_environment())
    [(config, listening)] = started
    with listening:
        assert (listening.family, listening.getsockname()[0]) == (family, host)
    config.load()
    assert isinstance(config.loaded_app, Front), "no middleware reads the headers of proxies"


def test_largest_body_is_that_of_any_route() -> None:
    def view() -> str:
        return ""

    def drawing() -> str:
        return ""

    drawing.body_bytes = 3 * BODY_BYTES  # type: ignore[attr-defined]
    app = Flask("front")
    app.add_url_rule("/a", "view", view)
    assert largest_body([app]) == largest_body([]) == BODY_BYTES
    app.add_url_rule("/b", "drawing", drawing)
    assert largest_body([Flask("other"), app]) == 3 * BODY_BYTES
