"""Connections that stall, as a slow network or an attacker makes them."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from chassis.testing.campaigns import WHOLE

FEW = 1 if WHOLE else 10
COUNTS = {"silent": 500 // FEW, "idle": 500 // FEW, "header": 200 // FEW, "body": 200 // FEW}
"""How many connections of each kind an attack opens; a tenth outside campaigns."""
IDLE = b"GET /livez HTTP/1.1\r\nHost: duijie\r\n\r\n"


def post(path: str, length: int) -> bytes:
    """Return the header of a POST whose body has this length."""
    return f"POST {path} HTTP/1.1\r\nHost: duijie\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n".encode()


@contextmanager
def stalled(address: tuple[str, int], kind: str, count: int, path: str) -> Iterator[list[socket.socket]]:
    """Open connections that stall: `silent`, `idle` after a whole request, in the middle of a `header` or of the `body` of a POST."""
    sent = {"silent": b"", "idle": IDLE, "header": b"GET /livez HTTP/1.1\r\nHost: duijie\r\nX-Half: ", "body": post(path, 60_000) + b"{"}
    with ExitStack() as stack:
        connections = [stack.enter_context(socket.create_connection(address, timeout=30)) for _ in range(count)]
        for connection in connections:
            connection.sendall(sent[kind])
        yield connections
