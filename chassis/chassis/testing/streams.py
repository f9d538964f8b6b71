"""Hearers of streams: clients that read server-sent events as a browser does, and come back with the id of the last one."""

import json
import socket
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from http.client import HTTPConnection, HTTPException, HTTPResponse
from typing import Any, NamedTuple, Self
from urllib.parse import urlsplit


class Heard(NamedTuple):
    """An event that a hearer got."""

    name: str
    id: str
    data: Any


class Hearer:
    """A client of one stream, in a thread of its own; as a context manager it hangs up at the end.

    `addresses` are those of the servers, tried one after the other each time the stream ends. With `comes_back=False` it hears one stream.
    """

    def __init__(
        self,
        addresses: list[str],
        path: str,
        headers: Callable[[], Mapping[str, str]],
        *,
        last_event_id: str = "",
        comes_back: bool = False,
        pause_seconds: float = 0.05,
    ) -> None:
        self.events: list[Heard] = []
        self.last_event_id = last_event_id
        self.status: int | None = None
        self.problem: Any = None
        self.streams = 0
        self.is_over = threading.Event()
        self._addresses, self._path, self._headers = addresses, path, headers
        self._comes_back, self._pause = comes_back, pause_seconds
        self._connection: HTTPConnection | None = None
        self._leaves = False
        self._thread = threading.Thread(target=self._hear, daemon=True)
        self._thread.start()

    def wait(self, is_enough: Callable[[Self], object], seconds: float = 10) -> bool:
        """Wait until the hearer has heard enough; tell whether it has."""
        deadline = time.monotonic() + seconds
        while not is_enough(self):
            if time.monotonic() > deadline:
                return False
            time.sleep(0.005)
        return True

    def named(self, *names: str) -> list[Any]:
        """Return the data of the events with these names."""
        return [event.data for event in self.events if event.name in names]

    def ready(self) -> Self:
        """Wait until the stream hears. Raises `TimeoutError` when it does not."""
        if not self.wait(lambda one: one.named("ready") or one.is_over.is_set()):
            raise TimeoutError(f"not ready: {self.status} {self.problem}")
        return self

    def hang_up(self) -> None:
        """Close the connection."""
        self._leaves = True
        if self._connection is not None and self._connection.sock is not None:
            with suppress(OSError):
                self._connection.sock.shutdown(socket.SHUT_RDWR)
        self._thread.join(10)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.hang_up()

    def _hear(self) -> None:
        while not self._leaves:
            address = self._addresses[self.streams % len(self._addresses)]
            self.streams += 1
            with suppress(OSError, HTTPException):
                self._hear_stream(address)
            if not self._comes_back:
                break
            time.sleep(self._pause)
        self.is_over.set()

    def _hear_stream(self, address: str) -> None:
        self._connection = HTTPConnection(urlsplit(address).netloc, timeout=60)
        place = {"Last-Event-ID": self.last_event_id} if self.last_event_id else {}
        try:
            self._connection.request("GET", self._path, headers={**self._headers(), **place})
            response = self._connection.getresponse()
            self.status = response.status
            if response.status == 200:
                self._read_events(response)
            else:
                self.problem = json.loads(response.read())
        finally:
            self._connection.close()

    def _read_events(self, response: HTTPResponse) -> None:
        name, data, place = "", "", self.last_event_id
        for line in response:
            word, _, value = line.decode().rstrip("\n").partition(": ")
            if word == "event":
                name = value
            elif word == "data":
                data = value
            elif word == "id":
                place = value
            elif not word:
                self.last_event_id = place
                if data:
                    self.events.append(Heard(name, place, json.loads(data)))
                name, data = "", ""
