"""The front of a process that holds streams."""

import asyncio
import socket
import time
from collections.abc import Collection
from functools import partial

from chassis.http.connections import CONNECTION, Connection
from chassis.http.front import REFUSED, Answer, Front, Message, Receive, Send
from chassis.http.streams.events import list_events
from chassis.http.streams.hub import Hub, Stream
from chassis.http.streams.routes import HELD
from chassis.http.streams.subscriptions import Subscription
from chassis.problems import unavailable

MOST_STREAMS = 20_000
READING_SECONDS = 5.0
"""How long a client that does not wait stays until changes were read once."""
SENDING_BYTES = 32 * 1024
"""The kernel's own buffer of a stream."""


class Streaming:
    """An ASGI application before a front: it holds the answers of routes that open streams, and leaves all others to the front."""

    def __init__(self, front: Front, hub: Hub, paths: Collection[str]) -> None:
        self._front, self._hub, self._paths = front, hub, frozenset(paths)

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one request, or begin and stop with the server."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["path"] == "/readyz" and not self._hub.is_ready:
            answer = await self._front.answer(scope, receive, {REFUSED: unavailable(retry_after_seconds=2)})
            await _send_whole(answer, send)
        elif scope["path"] in self._paths and scope["method"] == "GET":
            await self._open(scope, receive, send)
        else:
            await self._front(scope, receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            (self._hub.start if message["type"] == "lifespan.startup" else self._hub.stop)()
            await send({"type": f"{message['type']}.complete"})
            if message["type"] == "lifespan.shutdown":
                return

    async def _open(self, scope: Message, receive: Receive, send: Send) -> None:
        """Let the route authorise the stream. Hold its answer until the stream ends, and answer anything else as it is."""
        held: list[Subscription] = []

        def hold(subscription: Subscription) -> None:
            self._hub.hold(subscription)
            held.append(subscription)

        try:
            answer = await self._front.answer(scope, receive, {HELD: hold})
            if not held or answer is None or answer[0] != 200:
                await _send_whole(answer, send)
                return
            await self._hold(scope, held[0], answer, send)
        finally:
            for subscription in held:
                self._hub.release(subscription)

    async def _hold(self, scope: Message, subscription: Subscription, answer: Answer, send: Send) -> None:
        connection: Connection = scope["extensions"][CONNECTION][CONNECTION]
        if connection.transport.is_closing():
            return
        loop = asyncio.get_running_loop()
        stream = Stream(connection, subscription, loop.create_future())
        connection.on_lost = partial(stream.end, "left")
        seconds = subscription.ends_at - time.time()
        timers = [loop.call_later(max(0.0, seconds), stream.end, "token")]
        headers = [(name, value) for name, value in answer[1] if name != b"content-length"]
        # Thousands of streams would keep what their requests said.
        scope["headers"].clear()
        if stream.waits:
            timers.append(loop.call_later(subscription.wait_seconds or READING_SECONDS, stream.end, "waited"))
        else:
            connection.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SENDING_BYTES)
            await send({"type": "http.response.start", "status": 200, "headers": headers})
        self._hub.join(stream)
        try:
            reason = await stream.ended
        finally:
            connection.on_lost = None
            self._hub.leave(stream, stream.ended.result() if stream.ended.done() and not stream.ended.cancelled() else "left")
            for timer in timers:
                timer.cancel()
        if reason in {"left", "slow"}:
            return
        if stream.waits:
            await _send_whole((200, headers, list_events(stream.events, stream.place)), send)
        else:
            last = b'event: end\ndata: {"reason":"%b"}\n\n' % reason.encode()
            await send({"type": "http.response.body", "body": last, "more_body": False})


async def _send_whole(answer: Answer | None, send: Send) -> None:
    if answer is not None:
        status, headers, content = answer
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": content})
