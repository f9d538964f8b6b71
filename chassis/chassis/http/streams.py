"""Streams of server-sent events: one process holds thousands of open answers, and writes changes to them once they are committed.

A route authorises each stream as any request, and says which topics it hears (`open_stream`). The hub then reads new changes by one
query for all streams, woken by a notification, and writes the same bytes to each stream that hears them. The id of an event is a place
in the order of commits (`chassis.data.commit_order`), so whoever comes back with it misses nothing and gets nothing twice.
"""

import asyncio
import itertools
import json
import logging
import os
import random
import signal
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Literal, Protocol, get_args
from uuid import UUID

import psycopg
from flask import Response, current_app, request

from chassis.data.commit_order import Cursor, Snapshot
from chassis.data.database import Database, is_statement_timeout, is_transient
from chassis.data.offices import Standing, read_standings
from chassis.data.pg_notify import wake_on
from chassis.failures import describe
from chassis.http import draining
from chassis.http.auth import STAFF, Caller
from chassis.http.connections import CONNECTION, Connection
from chassis.http.front import REFUSED as REFUSED_EARLY
from chassis.http.front import Answer, Front, Message, Receive, Send
from chassis.http.rate_limits import caller_address, too_many
from chassis.ops import metrics
from chassis.ops.readiness import Readiness
from chassis.problems import invalid, unavailable
from chassis.settings import Settings, StreamSettings

log = logging.getLogger("chassis.streams")
HELD = "chassis.held"
"""Key of the environment: takes the subscription of a request whose answer stays open."""
MOST_STREAMS = 20_000
MOST_UNREAD_BYTES = 64 * 1024
"""How much a slow reader may leave unread before its stream is cut; it comes back with the id of the last event that it got."""
SENDING_BYTES = 32 * 1024
"""The kernel's own buffer of a stream."""
MOST_MISSED = 500
"""The most changes that a stream gets when it comes back; whoever missed more loads the lists anew."""
HEARTBEAT_SECONDS = 15
LOOK_SECONDS = 1.0
"""How often the hub looks for changes without being woken."""
STANDING_SECONDS = 2.0
"""How often the hub reads which sessions and offices of staff have ended."""
RETRY_MS = (1_000, 5_000)
LEAVING_SECONDS = 2.0
"""The time over which a stopping server ends its streams, so that clients do not all come back at once."""
SLICE = 200
"""How many streams are written to before other work of the process has its turn."""
Reason = Literal["left", "token", "session", "slow", "drained", "waited"]


class Change(Protocol):
    """A committed change of one thing, heard by those who listen to its topic."""

    topic: str
    subject: UUID
    transaction: int
    changed_at: datetime


@dataclass(frozen=True)
class Batch:
    """What a read found: the snapshot it was made in, changes that are new in it, and those that returning streams may have missed.

    Changes that transactions before `kept_from` wrote may have been deleted.
    """

    snapshot: Snapshot
    changes: Sequence[Any]
    missed: Sequence[Any]
    kept_from: int


class Source(Protocol):
    """Where the changes of a service come from, who may hear them, and how they are written."""

    channel: str

    def read(
        self, database: Database, seen: Snapshot | None, is_heard: Callable[[str], bool], returning: Collection[str], since: int
    ) -> Batch:
        """Read the changes that `seen` does not see, of topics that somebody hears, and those of `returning` topics from `since` on."""
        ...

    def may_hear(self, change: Any, subscription: "Subscription") -> bool:
        """Tell whether a subscriber may see a change now."""
        ...

    def event(self, change: Any, language: str) -> tuple[str, bytes]:
        """Return the name of a change's event and its data, as JSON on one line."""
        ...


@dataclass
class Subscription:
    """Who hears which topics, from where on, and until when. Offices of staff are kept up to date."""

    person_id: UUID
    session_id: UUID | None
    is_staff: bool
    address: str
    topics: tuple[str, ...]
    language: str
    cursor: Cursor | None
    ends_at: float
    wait_seconds: int | None
    standing: Standing

    @classmethod
    def of(
        cls, caller: Caller, topics: Iterable[str], language: str, last_event_id: str | None, wait_seconds: int | None
    ) -> "Subscription":
        """Subscribe a caller. Raises `invalid` for an id that no event had."""
        try:
            cursor = Cursor.of(last_event_id) if last_event_id else None
        except ValueError:
            raise invalid(errors=[{"pointer": "#query/last_event_id", "code": "text_form"}]) from None
        standing = Standing(tuple(caller.regions), tuple(caller.audited_regions))
        ends_at = caller.token_ends_at or time.time()
        stated = (caller.kind in STAFF, caller_address(), tuple(topics), language, cursor, ends_at, wait_seconds, standing)
        return cls(caller.id, caller.session_id, *stated)


def last_event_id(given: str | None) -> str | None:
    """Return the id of the last event that the client of the present request got: browsers send it as a header."""
    return given or request.headers.get("Last-Event-ID") or None


def open_stream(subscription: Subscription, source: Source) -> Response:
    """Answer the present request with a stream. Raises `too_many` when the caller, or their address, has too many.

    A process that holds no streams answers with what was missed, and ends: the client comes back after a while.
    """
    held: Callable[[Subscription], None] | None = request.environ.get(HELD)
    if held is not None:
        held(subscription)
        return _answer(subscription, b"")
    heard = frozenset(subscription.topics)
    since = subscription.cursor.seen.first if subscription.cursor else 0
    returning = heard if subscription.cursor else ()
    batch = source.read(current_app.extensions["database"], None, heard.__contains__, returning, since)
    events, place = _missed(source, subscription, batch)
    return _answer(subscription, _listed(events, place) if subscription.wait_seconds is not None else b"".join(events_of(events, place)))


def _answer(subscription: Subscription, content: bytes) -> Response:
    kind = "text/event-stream" if subscription.wait_seconds is None else "application/json"
    # A proxy that waits for the whole answer would wait for hours.
    return Response(content, content_type=f"{kind}; charset=utf-8", headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})


@dataclass(frozen=True)
class Event:
    """An event as a client gets it. The id is left out where the place is that of the event before."""

    name: str
    data: bytes
    id: str

    def lines(self) -> bytes:
        """Return the event as lines of a stream."""
        return b"event: %b\nid: %b\ndata: %b\n\n" % (self.name.encode(), self.id.encode(), self.data)


def events_of(events: Iterable[Event], place: str) -> Iterable[bytes]:
    """Return what a stream begins with: the pause before coming back, the missed events, and the place from which on it hears."""
    yield b"retry: %d\n\n" % random.randint(*RETRY_MS)
    yield from (event.lines() for event in events)
    yield Event("ready", b"{}", place).lines()


def _listed(events: Iterable[Event], place: str) -> bytes:
    items = b",".join(b'{"event":"%b","data":%b}' % (event.name.encode(), event.data) for event in events)
    return b'{"items":[%b],"last_event_id":%b}\n' % (items, json.dumps(place).encode())


def _missed(source: Source, subscription: Subscription, batch: Batch) -> tuple[list[Event], str]:
    """Return the events that a returning subscriber missed, and the place behind them."""
    place, cursor = batch.snapshot.text, subscription.cursor
    if cursor is None:
        return [], place
    heard = set(subscription.topics)
    changes = [one for one in batch.missed if one.topic in heard and not cursor.has_read(one.transaction, one.subject)]
    is_lost = cursor.seen.first < batch.kept_from or not batch.snapshot.includes(cursor.newest) or len(changes) > MOST_MISSED
    if is_lost:
        return [Event("reset", b"{}", place)], place
    events = []
    for seen, until in ((cursor.seen, cursor.until), (cursor.newest, batch.snapshot)):
        # Who was interrupted within a batch first gets the rest of that batch, with places within it.
        part = [one for one in changes if until is not None and until.sees(one.transaction)]
        changes = [one for one in changes if one not in part]
        for one in part:
            if source.may_hear(one, subscription):
                id = Cursor(seen, until, (one.transaction, one.subject)).text
                events.append(Event(*source.event(one, subscription.language), id))
    return events, place


def chunk(data: bytes) -> bytes:
    """Return data as a chunk of HTTP/1.1."""
    return b"%x\r\n%b\r\n" % (len(data), data)


class Stream:
    """One open answer. It ends once, for one reason."""

    __slots__ = ("connection", "ended", "events", "is_joined", "place", "slot", "subscription")

    def __init__(self, connection: Connection, subscription: Subscription, ended: "asyncio.Future[Reason]") -> None:
        self.connection, self.subscription, self.ended = connection, subscription, ended
        self.is_joined, self.slot = False, 0
        self.events: list[Event] = []
        self.place = ""

    @property
    def is_open(self) -> bool:
        """Whether the stream has not ended."""
        return not self.ended.done()

    @property
    def waits(self) -> bool:
        """Whether the client waits for one answer, in place of a stream."""
        return self.subscription.wait_seconds is not None

    def end(self, reason: Reason) -> None:
        """End the stream."""
        if self.is_open:
            self.ended.set_result(reason)

    def write(self, written: bytes) -> None:
        """Write a chunk. Cut the stream of a reader who leaves too much unread."""
        transport = self.connection.transport
        if not self.is_open:
            return
        if transport.get_write_buffer_size() > MOST_UNREAD_BYTES:
            self.end("slow")
            transport.abort()
        else:
            transport.write(written)


class Hub:
    """The open streams of a process. It reads changes for all of them, writes them, and ends streams whose time is over."""

    def __init__(self, settings: Settings, limits: StreamSettings, database: Database, source: Source) -> None:
        self._service, self._url, self._limits = settings.service, settings.database_url, limits
        self._database, self._source = database, source
        self._streams: dict[Stream, None] = {}
        self._joining: list[Stream] = []
        self._heard: dict[str, dict[Stream, None]] = {}
        self._slots: list[dict[Stream, None]] = [{} for _ in range(HEARTBEAT_SECONDS)]
        self._seen: Snapshot | None = None
        self._held: Counter[str] = Counter()
        self._holding = threading.Lock()
        self._wake = asyncio.Event()
        self._reading = ThreadPoolExecutor(2, "reading")
        self._tasks: list[asyncio.Task[None]] = []
        self._is_delivering = False
        self.readiness = Readiness(log, "stream", "database")
        metrics.streams.labels(self._service).set_function(lambda: len(self._streams))
        for reason in get_args(Reason):
            metrics.streams_closed.labels(self._service, reason)

    @property
    def is_ready(self) -> bool:
        """Whether changes were read once."""
        return not self.readiness.waits_for

    def hold(self, subscription: Subscription) -> None:
        """Count a stream for its caller and their address. Raises `too_many` when either has too many."""
        limits = (
            (f"person {subscription.person_id}", self._limits.per_person),
            (f"address {subscription.address}", self._limits.per_address),
        )
        with self._holding:
            if any(self._held[who] >= most for who, most in limits):
                raise too_many(retry_after_seconds=RETRY_MS[1] // 1000)
            self._held.update(who for who, _ in limits)

    def release(self, subscription: Subscription) -> None:
        """Count a stream no longer."""
        with self._holding:
            for who in (f"person {subscription.person_id}", f"address {subscription.address}"):
                self._held[who] -= 1
                if not self._held[who]:
                    del self._held[who]

    def start(self) -> None:
        """Begin to listen, to read and to beat."""
        for work in (self._listen, self._read_on, self._beat, self._watch_standings):
            self._tasks.append(asyncio.get_running_loop().create_task(work()))
            self._tasks[-1].add_done_callback(_stop_on_failure)

    def stop(self) -> None:
        """Stop what `start` began."""
        for task in self._tasks:
            task.cancel()
        self._reading.shutdown(wait=False)

    def join(self, stream: Stream) -> None:
        """Let a stream hear its topics, from its cursor on or from now on."""
        self._streams[stream] = None
        self._joining.append(stream)
        self._wake.set()

    def leave(self, stream: Stream, reason: Reason) -> None:
        """Forget a stream."""
        metrics.streams_closed.labels(self._service, reason).inc()
        self._streams.pop(stream, None)
        self._slots[stream.slot].pop(stream, None)
        for topic in stream.subscription.topics:
            if (hearers := self._heard.get(topic)) is not None:
                hearers.pop(stream, None)
                if not hearers:
                    del self._heard[topic]

    async def _listen(self) -> None:
        """Wake the hub at each notification. Listen again after an interruption, in 0.2 to 5 s."""
        pause = 0.2
        while True:
            began = time.monotonic()
            try:
                await wake_on(self._url, self._source.channel, self._wake.set)
            except psycopg.Error as error:
                log.warning("listening is interrupted", extra={"error": type(error).__name__, "reason": describe(error)})
            pause = 0.2 if time.monotonic() - began > 10 else min(pause * 2, 5.0)
            await asyncio.sleep(pause)

    async def _read_on(self) -> None:
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._wake.wait()
            self._wake.clear()
            try:
                await self._advance()
            except Exception as error:
                self._log_interruption(error)
                await asyncio.sleep(0.2)

    async def _advance(self) -> None:
        """Read once, write the new changes to those who hear them, then let the joining streams join at the snapshot of this read."""
        if not self._streams and self.is_ready:
            self._seen = None
            return
        joining, self._joining = self._joining, []
        returning = {topic for one in joining if one.subscription.cursor for topic in one.subscription.topics}
        since = min((one.subscription.cursor.seen.first for one in joining if one.subscription.cursor), default=0)
        read = partial(self._source.read, self._database, self._seen, self._heard.__contains__, returning, since)
        try:
            batch = await asyncio.get_running_loop().run_in_executor(self._reading, read)
        except BaseException:
            self._joining = joining + self._joining
            raise
        if self._seen is not None:
            self._is_delivering = True
            await self._deliver(batch, self._seen)
            self._is_delivering = False
        self._seen = batch.snapshot
        self.readiness.reach("database")
        for at, stream in enumerate(joining):
            if stream.is_open:
                self._let_join(stream, batch)
            if at % SLICE == SLICE - 1:
                await asyncio.sleep(0)

    async def _deliver(self, batch: Batch, before: Snapshot) -> None:
        """Write each change to the streams that hear it: the same bytes to all who read one language."""
        heard: dict[Stream, list[int]] = {}
        for at, change in enumerate(batch.changes):
            for stream in self._heard.get(change.topic, ()):
                if self._source.may_hear(change, stream.subscription):
                    heard.setdefault(stream, []).append(at)
        made: dict[tuple[int, str], tuple[str, bytes]] = {}
        alone: dict[tuple[int, str], bytes] = {}

        def event(at: int, language: str, id: str) -> Event:
            if (at, language) not in made:
                made[at, language] = self._source.event(batch.changes[at], language)
            return Event(*made[at, language], id)

        def place(at: int) -> str:
            change = batch.changes[at]
            return Cursor(before, batch.snapshot, (change.transaction, change.subject)).text

        last = batch.snapshot.text
        for number, (stream, (*several, newest)) in enumerate(heard.items()):
            language = stream.subscription.language
            if stream.waits:
                stream.events = [event(at, language, last) for at in (*several, newest)]
                stream.place = last
                stream.end("waited")
            elif several:
                lines = [event(at, language, place(at)).lines() for at in several]
                stream.write(chunk(b"".join([*lines, event(newest, language, last).lines()])))
            else:
                if (newest, language) not in alone:
                    alone[newest, language] = chunk(event(newest, language, last).lines())
                stream.write(alone[newest, language])
            if number % SLICE == SLICE - 1:
                await asyncio.sleep(0)
        written_at = time.time()
        for at in {at for places in heard.values() for at in places}:
            metrics.stream_seconds.labels(self._service).observe(max(0.0, written_at - batch.changes[at].changed_at.timestamp()))

    def _let_join(self, stream: Stream, batch: Batch) -> None:
        events, place = _missed(self._source, stream.subscription, batch)
        if stream.waits:
            stream.events, stream.place = events, place
            if events or stream.subscription.cursor is None:
                # Without a cursor the answer is the place to wait from.
                stream.end("waited")
                return
        else:
            stream.write(chunk(b"".join(events_of(events, place))))
        for topic in stream.subscription.topics:
            self._heard.setdefault(topic, {})[stream] = None
        stream.subscription.cursor = None
        stream.slot = random.randrange(HEARTBEAT_SECONDS)
        self._slots[stream.slot][stream] = None
        stream.is_joined = True

    async def _beat(self) -> None:
        """Once a second, write a heartbeat to a part of the streams, with the place up to which they have heard everything."""
        for second in itertools.count():
            await asyncio.sleep(1)
            if draining.is_draining():
                self._let_go()
            elif self._seen is not None:
                # Within a batch, some have got events with a later place already.
                place = b"" if self._is_delivering else b"id: %b\n" % self._seen.text.encode()
                beat = chunk(b": \n%b\n" % place)
                for stream in self._slots[second % HEARTBEAT_SECONDS]:
                    if not stream.waits:
                        stream.write(beat)

    def _let_go(self) -> None:
        loop = asyncio.get_running_loop()
        for stream in [*self._streams]:
            loop.call_later(random.uniform(0, LEAVING_SECONDS), stream.end, "drained")

    async def _watch_standings(self) -> None:
        """Every two seconds, end the streams of ended sessions, and read the offices of the others anew."""
        while True:
            await asyncio.sleep(STANDING_SECONDS)
            staff = [one for one in self._streams if one.subscription.is_staff]
            if not staff:
                continue
            people = {one.subscription.person_id for one in staff}
            sessions = {one.subscription.session_id for one in staff if one.subscription.session_id}
            try:
                read = partial(read_standings, self._database, people, sessions)
                standings, ended = await asyncio.get_running_loop().run_in_executor(self._reading, read)
            except Exception as error:
                self._log_interruption(error)
                continue
            for stream in staff:
                stream.subscription.standing = standings.get(stream.subscription.person_id, Standing((), ()))
                if stream.subscription.session_id in ended:
                    stream.end("session")

    def _log_interruption(self, error: Exception) -> None:
        """Log that the database is away. Raises any other error again, which stops the process."""
        if not isinstance(error, psycopg.Error) and not is_transient(error) and not is_statement_timeout(error):
            raise error
        log.warning("reading is interrupted", extra={"error": type(error).__name__, "reason": describe(error)})


class Streaming:
    """An ASGI application before a front: it holds the answers of routes that open streams, and leaves all others to the front."""

    def __init__(self, front: Front, hub: Hub, paths: Collection[str]) -> None:
        self._front, self._hub, self._paths = front, hub, frozenset(paths)

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one request, or begin and stop with the server."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["path"] == "/readyz" and not self._hub.is_ready:
            answer = await self._front.answer(scope, receive, {REFUSED_EARLY: unavailable(retry_after_seconds=2)})
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
            timers.append(loop.call_later(subscription.wait_seconds or 0, stream.end, "waited"))
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
        if stream.waits and reason in {"waited", "token", "drained"}:
            await _send_whole((200, headers, _listed(stream.events, stream.place)), send)
        elif reason not in {"left", "slow"}:
            last = b'event: end\ndata: {"reason":"%b"}\n\n' % reason.encode()
            await send({"type": "http.response.body", "body": last, "more_body": False})


def _stop_on_failure(task: "asyncio.Task[None]") -> None:
    """Stop the process when a task of the hub fails: it would hold streams that hear nothing."""
    if not task.cancelled() and (error := task.exception()):
        log.critical("the hub of streams stops", exc_info=error)
        os.kill(os.getpid(), signal.SIGTERM)


async def _send_whole(answer: Answer | None, send: Send) -> None:
    if answer is not None:
        status, headers, content = answer
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": content})
