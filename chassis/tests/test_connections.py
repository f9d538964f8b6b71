"""Connections that send nothing, half a request, or nothing more: others are answered meanwhile, and they are closed and counted."""

import json
import socket
import time
from collections import Counter
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path

import httpx
import pytest
from keeper import House, Serve, soon, unguarded

from chassis.http import connections
from chassis.testing.postgres import kept_ports
from chassis.testing.stalled import COUNTS, IDLE, post, stalled

CLOSED_AS = {"silent": "header", "idle": "idle", "header": "header", "body": "body"}
PATH = "/v1/counts"
COUNT = {"quantity": 7}


def opened(client: httpx.Client, kind: str, count: int) -> AbstractContextManager[list[socket.socket]]:
    """Open connections that stall."""
    return stalled((str(client.base_url.host), client.base_url.port or 0), kind, count, PATH)


def answers(client: httpx.Client, path: str, seconds: float) -> bool:
    """Tell whether a new connection gets an answer in time."""
    try:
        if path == PATH:
            return httpx.post(client.base_url.join(path), json=COUNT, trust_env=False, timeout=seconds).json() == COUNT
        return httpx.get(client.base_url.join(path), trust_env=False, timeout=seconds).status_code == 200
    except httpx.TransportError:
        return False


def closed(metrics: httpx.Client, reason: str) -> int:
    """Return how many connections were closed for this reason."""
    name = f'duijie_http_connections_closed_total{{reason="{reason}",service="pantry"}} '
    return next(int(float(line.removeprefix(name))) for line in metrics.get("/metrics").text.splitlines() if line.startswith(name))


@pytest.mark.parametrize(
    "otherwise", [None, unguarded("with_a_thread_for_each_body", "a thread that waits for a body answers nobody meanwhile")]
)
def test_stalled_connections_of_all_kinds_delay_nobody(serve: Serve, otherwise: str | None) -> None:
    _, client = serve(otherwise=otherwise, web_threads=2, request_seconds=2)
    with ExitStack() as stack:
        for kind, count in COUNTS.items():
            stack.enter_context(opened(client, kind, count))
            assert all(answers(client, PATH, 2) for _ in range(3)), kind
            assert answers(client, "/livez", 1), kind
            assert answers(client, "/readyz", 2), kind


@pytest.mark.parametrize("otherwise", ["with_short_deadlines", unguarded("without_deadlines", "without deadlines they stay open")])
def test_stalled_connections_are_closed_and_counted(serve: Serve, tmp_path: Path, otherwise: str) -> None:
    [port] = kept_ports(tmp_path / "metrics", 1)
    _, client = serve(otherwise=otherwise, metrics_port=port)
    metrics = httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False)
    with ExitStack() as stack:
        stalled = {kind: stack.enter_context(opened(client, kind, 3)) for kind in COUNTS}
        counted = Counter(CLOSED_AS[kind] for kind in COUNTS for _ in range(3))
        assert soon(lambda: all(closed(metrics, reason) >= count for reason, count in counted.items()), 8)
        for kind, these in stalled.items():
            assert all((b"408" in one.recv(10_000)) == (kind == "body") for one in these)
    assert soon(lambda: 'duijie_http_connections{service="pantry"} 0.0' in metrics.get("/metrics").text)


def test_an_answer_does_not_wait_for_a_deadline(serve: Serve) -> None:
    _, client = serve(otherwise="with_short_deadlines")
    assert client.post("/v1/naps", json={"milliseconds": 1500}).status_code == 200


@pytest.mark.parametrize("otherwise", ["with_few_connections", unguarded(None, "without a bound all stay")])
def test_too_many_connections_close_the_longest_waiting(serve: Serve, otherwise: str | None) -> None:
    _, client = serve(otherwise=otherwise)
    with opened(client, "silent", 12) as stalled:
        assert answers(client, "/livez", 5)
        stalled[0].settimeout(2)
        try:
            assert stalled[0].recv(1) == b""
        except ConnectionResetError:
            pass
        except TimeoutError:
            pytest.fail("the longest waiting connection is kept")
        stalled[-1].sendall(IDLE)
        assert stalled[-1].recv(15) == b"HTTP/1.1 200 OK"


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"GET /livez HTTP/1.1\r\nHost: pantry\r\nX-Long: " + b"x" * (2 * connections.HEADER_BYTES), 431),
        (b"GARBAGE\r\n\r\n", 400),
        (post(PATH, 3).replace(b"\r\n\r\n", b"\r\nTransfer-Encoding: chunked\r\n\r\n") + b"3\r\nabc\r\n0\r\n\r\n", 400),
        (post(PATH, 3).replace(b"\r\n\r\n", b"\r\nContent-Length: 4\r\n\r\n") + b"abcd", 400),
        (post(PATH, 300_000).replace(b"duijie", b"duijie\r\nConnection: close") + b" " * 300_000, 413),
    ],
    ids=["long header", "no HTTP", "length and chunks", "two lengths", "huge body"],
)
def test_what_is_no_clear_request_gets_a_problem_and_is_closed(serve: Serve, sent: bytes, status: int) -> None:
    _, client = serve()
    with socket.create_connection((str(client.base_url.host), client.base_url.port or 0), timeout=20) as one:
        one.sendall(sent)
        received = b""
        while chunk := one.recv(10_000):
            received += chunk
    assert received.startswith(f"HTTP/1.1 {status} ".encode())
    assert b"application/problem+json" in received
    assert received.count(b"HTTP/1.1") == 1
    header, _, body = received.partition(b"\r\n\r\n")
    stated = dict(line.lower().split(b": ", 1) for line in header.split(b"\r\n")[1:])
    assert (stated[b"connection"], int(stated[b"content-length"]), json.loads(body)["status"]) == (b"close", len(body), status)


@pytest.mark.parametrize("otherwise", [None, unguarded("with_problems_at_once", "a problem comes before the answer to the first request")])
def test_garbage_behind_a_request_leaves_its_answer_alone(serve: Serve, otherwise: str | None) -> None:
    _, client = serve(otherwise=otherwise)
    nap = b'{"milliseconds": 500}'
    with socket.create_connection((str(client.base_url.host), client.base_url.port or 0), timeout=20) as one:
        one.sendall(post("/v1/naps", len(nap)) + nap + b"GARBAGE\r\n\r\n")
        received = b"".join(iter(lambda: one.recv(10_000), b""))
    assert received.startswith(b"HTTP/1.1 200 ")
    assert received.count(b"HTTP/1.1") == 1


def test_a_broken_body_is_refused_at_once(serve: Serve) -> None:
    _, client = serve()
    chunked = post(PATH, 3).replace(b"Content-Length: 3", b"Transfer-Encoding: chunked")
    with socket.create_connection((str(client.base_url.host), client.base_url.port or 0), timeout=5) as one:
        one.sendall(chunked + b"GARBAGE\r\n")
        assert one.recv(12) == b"HTTP/1.1 400"


def test_a_taken_port_is_refused_in_one_line(house: House, serve: Serve) -> None:
    _, client = serve()
    second = house.start("chassis.http", "pantry", port=client.base_url.port)
    assert second.ended() == 1
    said = second.log.read_text().strip().splitlines()
    assert len(said) == 1
    assert "Address already in use" in said[0]
    assert answers(client, "/livez", 5)


def test_a_client_may_send_its_next_request_at_once(serve: Serve) -> None:
    _, client = serve()
    with socket.create_connection((str(client.base_url.host), client.base_url.port or 0), timeout=20) as one:
        one.sendall(IDLE * 3)
        received = b""
        deadline = time.monotonic() + 20
        while received.count(b"HTTP/1.1 200 OK") < 3 and time.monotonic() < deadline:
            received += one.recv(10_000)
    assert received.count(b"HTTP/1.1 200 OK") == 3
