"""Draining: a stopping server cuts off no request."""

import socket
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from keeper import House, Serve, soon, unguarded


@pytest.mark.parametrize("drain_seconds", [6, unguarded(0, "without the drain period requests still routed here are refused")])
def test_a_stopping_server_serves_on_while_it_drains(house: House, serve: Serve, drain_seconds: int) -> None:
    process, client = serve(drain_seconds=drain_seconds)

    def nap(milliseconds: int) -> int:
        try:
            return client.post("/v1/naps", json={"milliseconds": milliseconds}).status_code
        except httpx.TransportError:
            return 0

    with ThreadPoolExecutor(8) as pool:
        early = [pool.submit(nap, 1500) for _ in range(4)]
        assert soon(lambda: house.count("pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'"))
        told_at = time.monotonic()
        process.signal(15)
        try:
            assert soon(lambda: client.get("/readyz").status_code == 503)
            assert client.get("/livez").status_code == 200
            assert client.post("/v1/counts", json={"quantity": 7}).json() == {"quantity": 7}
        except httpx.TransportError:
            pytest.fail("turned away before the time")
        # A server that stops at once still serves until its last request ends.
        answered = [one.result() for one in early]
        time.sleep(max(1, told_at + 2 - time.monotonic()))
        late = [pool.submit(nap, 2500) for _ in range(4)]
        assert [*answered, *(one.result() for one in late)] == [200] * 8
    assert process.ended() == 0
    assert time.monotonic() - told_at >= 4.5
    with pytest.raises(httpx.TransportError):
        client.get("/livez")


@pytest.mark.parametrize(
    "otherwise", [None, unguarded("without_letting_go", "without `Connection: close` a request in flight may be cut off")]
)
def test_a_stopping_server_closes_connections_after_an_answer(serve: Serve, otherwise: str | None) -> None:
    process, client = serve(drain_seconds=60, otherwise=otherwise)
    asking = b"GET /livez HTTP/1.1\r\nHost: pantry\r\n\r\n"
    with socket.create_connection((client.base_url.host, client.base_url.port or 80), timeout=5) as kept:
        kept.sendall(asking)
        before = b""
        while not before.endswith(b'"ok"}\n'):
            before += kept.recv(4096)
        process.signal(15)
        assert soon(lambda: client.get("/readyz").status_code == 503)
        kept.sendall(asking)
        try:
            answer = b"".join(iter(lambda: kept.recv(4096), b""))
        except TimeoutError:
            pytest.fail("the connection is kept")
    assert b"connection: close" not in before.lower()
    assert b"connection: close" in answer.lower()
    assert answer.startswith(b"HTTP/1.1 200")
    assert client.get("/livez").status_code == 200
