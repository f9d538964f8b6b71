"""A proxy before the broker that can fall silent or carry one chunk at a time, while connections stay open."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress


class Way:
    """A proxy on the loopback that passes bytes both ways to `port`. Once `swallows` is set, it reads on and passes nothing.

    With `one_at_a_time` it reads nothing on from either end while what it has read is not taken by the other."""

    def __init__(self, port: int, one_at_a_time: bool = False) -> None:
        self.swallows = threading.Event()
        self._hands = threading.Lock() if one_at_a_time else nullcontext()
        self._to = port
        self._ends: list[socket.socket] = []
        self._door = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._door.getsockname()[1]
        threading.Thread(target=self._welcome, daemon=True).start()

    def _welcome(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._door.accept()
                far = socket.create_connection(("127.0.0.1", self._to))
                self._ends += [near, far]
                for source, target in ((near, far), (far, near)):
                    threading.Thread(target=self._carry, args=(source, target), daemon=True).start()

    def _carry(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                if not self.swallows.is_set():
                    with self._hands:
                        target.sendall(data)
            target.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        for end in [self._door, *self._ends]:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()


@contextmanager
def way_to(port: int, one_at_a_time: bool = False) -> Iterator[Way]:
    way = Way(port, one_at_a_time)
    try:
        yield way
    finally:
        way.close()
