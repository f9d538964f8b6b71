"""A TCP proxy between processes and servers that can cut, freeze or half-close connections."""

import asyncio
import threading
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any


class Wire:
    """A proxy on `port` of 127.0.0.1; each new connection goes to the next of `to_ports`."""

    def __init__(self, *to_ports: int) -> None:
        self.to_ports = to_ports
        self._connected = 0
        self._pairs: set[tuple[asyncio.StreamWriter, asyncio.StreamWriter]] = set()
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, daemon=True).start()
        self._do(self._open())

    def cut(self) -> None:
        """Close every connection on both sides."""
        self._do(self._end(both=True))

    def leave_dead(self) -> None:
        """Close every connection on the server's side only: the client sees silence."""
        self._do(self._end(both=False))

    def hold(self) -> None:
        """Hold all traffic until `cut` or `release`."""
        self._do(self._set_open(False))

    def release(self) -> None:
        self._do(self._set_open(True))

    def close(self) -> None:
        self.cut()
        self._loop.call_soon_threadsafe(self._loop.stop)

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _open(self) -> None:
        self._passing = asyncio.Event()
        self._passing.set()
        server = await asyncio.start_server(self._connect, "127.0.0.1", 0)
        self.port: int = server.sockets[0].getsockname()[1]

    async def _set_open(self, wanted: bool) -> None:
        (self._passing.set if wanted else self._passing.clear)()

    async def _end(self, both: bool) -> None:
        for house, server in list(self._pairs):
            server.transport.abort()
            if both:
                house.transport.abort()
        if both:
            self._passing.set()

    async def _connect(self, reader: asyncio.StreamReader, house: asyncio.StreamWriter) -> None:
        self._connected += 1
        try:
            answers, server = await asyncio.open_connection("127.0.0.1", self.to_ports[self._connected % len(self.to_ports)])
        except OSError:
            house.transport.abort()
            return
        pair = (house, server)
        self._pairs.add(pair)
        asking = asyncio.create_task(self._pass(reader, server))
        with suppress(OSError, asyncio.IncompleteReadError):
            await self._pass(answers, house)
        # A server that ended its side by itself is passed on; one that was left dead stays silent until the house gives up.
        if not server.transport.is_closing():
            house.close()
        with suppress(OSError):
            await asking
        house.transport.abort()
        server.transport.abort()
        self._pairs.discard(pair)

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(65536):
                await self._passing.wait()
                if not writer.transport.is_closing():
                    writer.write(data)
                    await writer.drain()
        if not writer.transport.is_closing():
            writer.close()
