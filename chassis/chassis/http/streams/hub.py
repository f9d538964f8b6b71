"""The open streams of a process, and the hub that reads changes for all of them."""

import asyncio
import itertools
import logging
import os
import random
import signal
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Literal, get_args

import psycopg

from chassis.data.commit_order import Cursor, Snapshot
from chassis.data.database import Database, is_statement_timeout, is_transient
from chassis.data.offices import Standing, read_standings
from chassis.data.pg_notify import wake_on
from chassis.failures import describe
from chassis.http import draining
from chassis.http.connections import Connection
from chassis.http.rate_limits import too_many
from chassis.http.streams.events import RETRY_MS, Event, chunk, events_of, find_missed
from chassis.http.streams.subscriptions import Batch, Source, Subscription
from chassis.ops import metrics
from chassis.ops.readiness import Readiness
from chassis.settings import Settings, StreamSettings

log = logging.getLogger("chassis.streams")
MOST_UNREAD_BYTES = 64 * 1024
"""How much a slow reader may leave unread before its stream is cut; it comes back with the id of the last event that it got."""
HEARTBEAT_SECONDS = 15
LOOK_SECONDS = 1.0
"""How often the hub looks for changes without being woken."""
STANDING_SECONDS = 2.0
"""How often the hub reads which sessions have ended, and the offices of staff."""
LEAVING_SECONDS = 2.0
"""The time over which a stopping server ends its streams, so that clients do not all come back at once."""
SLICE = 200
"""How many streams are written to before other work of the process has its turn."""
Reason = Literal["left", "token", "session", "slow", "drained", "waited"]


class Stream:
    """One open answer. It ends once, for one reason."""

    __slots__ = ("connection", "ended", "events", "is_joined", "place", "slot", "subscription")

    def __init__(self, connection: Connection, subscription: Subscription, ended: "asyncio.Future[Reason]") -> None:
        self.connection, self.subscription, self.ended = connection, subscription, ended
        self.is_joined, self.slot = False, 0
        self.events: list[Event] = []
        # Whoever waits and is not joined before the end goes on from where they were.
        self.place = subscription.cursor.text if subscription.cursor else ""

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
        events, place = find_missed(self._source, stream.subscription, batch)
        if stream.waits:
            stream.events, stream.place = events, place
            if events or stream.subscription.cursor is None or not stream.subscription.wait_seconds:
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
        """Every two seconds, end the streams of ended sessions, and read the offices of staff anew."""
        while True:
            await asyncio.sleep(STANDING_SECONDS)
            held = [*self._streams]
            if not held:
                continue
            people = {one.subscription.person_id for one in held if one.subscription.is_staff}
            sessions = {one.subscription.session_id for one in held if one.subscription.session_id}
            try:
                read = partial(read_standings, self._database, people, sessions)
                standings, ended = await asyncio.get_running_loop().run_in_executor(self._reading, read)
            except Exception as error:
                self._log_interruption(error)
                continue
            for stream in held:
                if stream.subscription.is_staff:
                    stream.subscription.standing = standings.get(stream.subscription.person_id, Standing((), ()))
                if stream.subscription.session_id in ended:
                    stream.end("session")

    def _log_interruption(self, error: Exception) -> None:
        """Log that the database is away. Raises any other error again, which stops the process."""
        if not isinstance(error, psycopg.Error) and not is_transient(error) and not is_statement_timeout(error):
            raise error
        log.warning("reading is interrupted", extra={"error": type(error).__name__, "reason": describe(error)})


def _stop_on_failure(task: "asyncio.Task[None]") -> None:
    """Stop the process when a task of the hub fails: it would hold streams that hear nothing."""
    if not task.cancelled() and (error := task.exception()):
        log.critical("the hub of streams stops", exc_info=error)
        os.kill(os.getpid(), signal.SIGTERM)
