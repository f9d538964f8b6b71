"""Requests that take processor time get a quarter of the threads, so that others do not wait behind them."""

import asyncio
import threading
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from flask import Flask

from chassis.http.front import Front
from chassis.http.server import slow_requests
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
