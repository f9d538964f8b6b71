"""Connections to RabbitMQ that notice a silent broker, and a publisher that waits once for the confirms of many messages."""

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache, partial
from struct import pack
from types import SimpleNamespace
from typing import Any

import amqp
import kombu
from amqp.method_framing import frame_writer
from amqp.serialization import PROPERTY_CLASSES, decode_properties_basic, dumps
from amqp.spec import Basic

from contracts.event import Envelope, exchange_of

BROKER_ERRORS = (OSError, amqp.ConnectionError, amqp.ChannelError)
"""Errors of a lost, refusing or silent broker; a new connection is needed."""

CHUNK_BYTES = 32_768


def _decode_properties(frame: bytes, offset: int) -> tuple[dict[str, Any], int]:
    try:
        properties, end = decode_properties_basic(frame, offset)
    except Exception:
        return {}, len(frame)
    return properties, end


# amqp raises arbitrary errors for properties that it cannot decode, so one such message would end every worker in turn.
# Without properties the message is merely unreadable.
PROPERTY_CLASSES[Basic.CLASS_ID] = _decode_properties


@contextmanager
def connected(url: str, heartbeat_seconds: int) -> Iterator[amqp.Connection]:
    """Open a connection to RabbitMQ; an answer may take two heartbeats at most. Its owner calls `heartbeat_tick` now and then.

    The connection is closed at the end of the block, so that the broker has processed all acknowledgements.
    After an error, or without an answer, it is dropped at once.
    """
    wanted = kombu.Connection(url, heartbeat=heartbeat_seconds, connect_timeout=5)
    if wanted.transport_cls == "amqps":
        # Without `server_hostname`, any certificate signed by a trusted CA is accepted.
        wanted.ssl = {"server_hostname": wanted.hostname}
    # `wanted.connection` would reconnect by itself after a loss, and the channels on it would be dead without an error.
    connection = wanted.transport.establish_connection()
    try:
        connection.sock.settimeout(2 * heartbeat_seconds)
        yield connection
        with suppress(*BROKER_ERRORS):
            connection.sock.settimeout(1)
            connection.close()
    finally:
        connection.collect()


@dataclass(frozen=True)
class Message:
    """One message to publish. With an empty `exchange`, `routing_key` is the name of the one queue that gets it."""

    exchange: str
    routing_key: str
    message: amqp.Message


_ALWAYS = {"content_type": "application/json", "content_encoding": "utf-8", "delivery_mode": 2}


# The flags announce which five properties follow.
_LEADING = pack(">H", 0xF080) + dumps("ss", (_ALWAYS["content_type"], _ALWAYS["content_encoding"]))


class _EventMessage(amqp.Message):  # type: ignore[misc]
    """An AMQP message whose properties are known beforehand, so that encoding them takes a quarter of the usual time."""

    def _serialize_properties(self) -> bytes:
        mark, headers = self.properties["message_id"].encode(), self.properties["application_headers"]
        table = b"".join([_text_named(name) + pack(">I", len(text := value.encode())) + text for name, value in headers.items()])
        return b"".join((_LEADING, pack(">I", len(table)), table, pack("BB", _ALWAYS["delivery_mode"], len(mark)), mark))


@cache
def _text_named(name: str) -> bytes:
    begun: bytes = dumps("s", (name,)) + b"S"
    return begun


def message_for(envelope: Envelope, body: str | bytes, queue: str | None = None) -> Message:
    """Make the message of an event, for the exchange of its producer or for one `queue` alone."""
    headers = envelope.headers()
    message = _EventMessage(body, **_ALWAYS, message_id=headers["ce-id"], application_headers=headers)
    return Message("", queue, message) if queue else Message(exchange_of(envelope.producer), envelope.name, message)


@cache
def _addressed(exchange: str, routing_key: str) -> bytes:
    """Encode the arguments of `basic.publish`, with the mandatory flag."""
    arguments: bytes = dumps("Bssbb", (0, exchange, routing_key, True, False))
    return arguments


class Publisher:
    """A channel in confirm mode. One publisher belongs to one thread."""

    def __init__(self, connection: amqp.Connection, confirm_seconds: float) -> None:
        self._confirm_seconds = confirm_seconds
        self._channel = connection.channel()
        self.connection = connection
        self._last_tag = 0
        self._unconfirmed: set[int] = set()
        self._refused: set[int] = set()
        self._returned: set[str] = set()
        self._transport = connection.transport
        self._frames = bytearray()
        # Frames are encoded by amqp and collected here: `basic_publish` makes four system calls for every message.
        gathering = frame_writer(connection, SimpleNamespace(write=self._frames.extend))
        self._gather = partial(gathering, 1, self._channel.channel_id, Basic.Publish)
        self._channel.confirm_select()
        self._channel.events["basic_ack"].add(self._on_ack)
        self._channel.events["basic_nack"].add(self._on_nack)
        self._channel.events["basic_return"].add(self._on_return)

    def publish(self, messages: Iterable[Message]) -> tuple[set[int], set[int]]:
        """Publish all messages, then wait for their confirms.

        Returns the positions of the messages that the broker confirmed, and the positions of those among them that no queue took.
        Raises one of `BROKER_ERRORS` when the broker is lost, or silent for `confirm_seconds`; the outcome is unknown then.
        """
        first, marks = self._last_tag + 1, []
        self._refused.clear()
        self._returned.clear()
        for one in messages:
            self._last_tag += 1
            self._unconfirmed.add(self._last_tag)
            marks.append(str(one.message.properties["message_id"]))
            self._gather(_addressed(one.exchange, one.routing_key), one.message)
            if len(self._frames) >= CHUNK_BYTES:
                self._send()
        self._send()
        self._wait_for_confirms()
        safe = {position for position in range(len(marks)) if first + position not in self._refused}
        return safe, {position for position in safe if marks[position] in self._returned}

    def _send(self) -> None:
        frames = bytes(self._frames)
        self._frames.clear()
        for at in range(0, len(frames), CHUNK_BYTES):
            self._transport.write(frames[at : at + CHUNK_BYTES])
            self._read()

    def _read(self) -> None:
        """Read what has arrived. A broker under load blocks until its own frames are read, so a publisher that only writes could hang."""
        with suppress(TimeoutError):
            while True:
                self.connection.drain_events(timeout=0)

    def _wait_for_confirms(self) -> None:
        deadline = time.monotonic() + self._confirm_seconds
        while self._unconfirmed:
            self.connection.drain_events(timeout=max(0.001, deadline - time.monotonic()))

    def idle(self, seconds: float) -> None:
        """Wait for so many seconds, exchanging heartbeats with the broker."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            self.connection.heartbeat_tick()
            with suppress(TimeoutError):
                self.connection.drain_events(timeout=min(left, 0.5))

    def _on_ack(self, tag: int, multiple: bool) -> None:
        self._unconfirmed -= {open_tag for open_tag in self._unconfirmed if open_tag <= tag} if multiple else {tag}

    def _on_nack(self, tag: int, multiple: bool) -> None:
        self._refused |= {open_tag for open_tag in self._unconfirmed if open_tag <= tag} if multiple else {tag}
        self._on_ack(tag, multiple)

    def _on_return(self, error: Exception, exchange: str, routing_key: str, message: amqp.Message) -> None:
        self._returned.add(str(message.properties.get("message_id")))


def count_waiting(connection: amqp.Connection, queue: str) -> int | None:
    """Count the messages that wait in a queue, without unacknowledged ones; None when there is no such queue."""
    channel = connection.channel()
    try:
        waiting: int = channel.queue_declare(queue, passive=True).message_count
    except amqp.NotFound:
        return None
    channel.close()
    return waiting
