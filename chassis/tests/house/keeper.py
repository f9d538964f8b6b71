"""A pantry for one test: its own database, virtual host and real processes."""

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import amqp
import httpx
from msgspec.structs import replace
from pantry.actions import HOLD
from pantry.worker import Worker
from sqlalchemy import text

from chassis import topology
from chassis.data.database import Database, new_id
from chassis.messaging import outbox
from chassis.messaging.broker import Message, Publisher, connected
from chassis.messaging.events import handlers_of
from chassis.messaging.subscription import Subscription
from chassis.settings import Settings
from chassis.testing import forkserver, twins
from chassis.testing.postgres import Postgres
from chassis.testing.rabbitmq import RabbitMQ
from chassis.testing.twins import Unusable
from contracts.event import Event
from contracts.generate import example_of
from contracts.needs import NeedClosed, NeedWithdrawn, PledgeWithdrawn

HERE = Path(__file__).parent
ONE_BY_ONE, IN_BATCHES = Subscription("pantry", NeedWithdrawn), Subscription("pantry", PledgeWithdrawn)
SUBSCRIPTIONS = [handler.subscription for handler in handlers_of(Worker)]


def withdrawn_need(version: int = 1) -> Event:
    return replace(example_of(NeedWithdrawn), need_id=new_id(), version=version)


def closed_need() -> Event:
    return replace(example_of(NeedClosed), need_id=new_id())


def withdrawn_pledge(version: int = 1) -> Event:
    return replace(example_of(PledgeWithdrawn), pledge_id=new_id(), version=version)


unguarded = twins.unguarded


def soon(holds: Callable[[], Any], seconds: float = 40) -> bool:
    """Wait until something becomes true; return whether it did in time."""
    deadline = time.monotonic() + seconds
    while not (held := bool(holds())) and time.monotonic() < deadline:
        time.sleep(0.02)
    return held


AFRESH = {"without_wait_selector"}
"""Changes before any import, which cannot run as a fork."""


class Process:
    """One running process of the house and its output: a fork, or started as operators start it."""

    def __init__(self, arguments: list[str], environment: dict[str, str], log: Path, forks: bool) -> None:
        self.log = log
        self._child: subprocess.Popen[bytes] | forkserver.Fork
        if not forks or AFRESH & {word for argument in arguments for word in argument.split(",")}:
            with log.open("wb") as file:
                self._child = subprocess.Popen([sys.executable, "-m", *arguments], env=environment, stdout=file, stderr=file)
        else:
            self._child = forkserver.start(arguments, environment, log)

    @property
    def pid(self) -> int:
        return self._child.pid

    def says(self, words: str) -> bool:
        return words in self.log.read_text()

    def entries(self) -> list[dict[str, Any]]:
        """Read the log entries. Fails on a line that is not JSON."""
        return [json.loads(line) for line in self.log.read_text().splitlines()]

    def ready(self) -> "Process":
        if not soon(lambda: self.says(" ready") or not self.lives()) or not self.lives():
            raise Unusable(self.log.read_text()[-2000:])
        return self

    def lives(self) -> bool:
        return self._child.poll() is None

    def signal(self, signum: int) -> None:
        self._child.send_signal(signum)

    def kill(self) -> None:
        self._child.kill()
        self._child.wait()

    def end(self) -> None:
        """End the process: a fork at once, another one in good order, so that it leaves no children behind."""
        if isinstance(self._child, forkserver.Fork):
            self.kill()
            return
        self.signal(signal.SIGTERM)
        try:
            self.ended(5)
        except subprocess.TimeoutExpired:
            self.kill()

    def ended(self, seconds: float = 40) -> int:
        """Wait until the process has ended by itself; return its exit code."""
        return self._child.wait(seconds)

    def stop(self, seconds: float = 40) -> int:
        """Send SIGTERM and return the exit code."""
        self._child.terminate()
        return self.ended(seconds)


Serve = Callable[..., tuple[Process, httpx.Client]]
"""`serve(drain_seconds=2)` starts a web process with this setting and returns it with a signed-in client."""


class House:
    def __init__(self, database_url: str, broker: RabbitMQ, vhost: str, folder: Path, forks: bool) -> None:
        self._forks = forks
        self.broker = broker
        self.vhost = vhost
        self.broker_url = broker.url(vhost)
        self.database_url = database_url
        self.database = Database(database_url, name="test", pool_size=5)
        self.processes: list[Process] = []
        self._folder = folder
        self.environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": os.pathsep.join([str(HERE), *filter(None, [os.environ.get("PYTHONPATH")])]),
            "PANTRY_DATABASE_URL": database_url,
            "BROKER_URL": self.broker_url,
            "JWKS_URL": "http://127.0.0.1:9/v1/jwks",
            "RETRY_PAUSE_MS": "200",
            "ATTEMPTS": "3",
            "HEARTBEAT_SECONDS": "20",
            "SEAL_KEYS": os.environ["SEAL_KEYS"],
            "FINGERPRINT_KEY": os.environ["FINGERPRINT_KEY"],
        }

    def settings(self) -> Settings:
        """Settings of the pantry's processes."""
        before = dict(os.environ)
        os.environ.update(self.environment)
        try:
            return Settings.of("pantry")
        finally:
            os.environ.clear()
            os.environ.update(before)

    def declare(self) -> None:
        with self.channel() as channel:
            topology.declare(channel, "pantry", SUBSCRIPTIONS, retry_pause_ms=200)

    @contextmanager
    def channel(self) -> Iterator[amqp.Channel]:
        with connected(self.broker_url, 20) as connection:
            yield connection.channel()

    def start(self, *arguments: str, otherwise: str | None = None, **environment: object) -> Process:
        """Start a process: `start("chassis.relay", "pantry")`. `otherwise` names changes in the module `otherwise`."""
        changed = ["otherwise", otherwise] if otherwise else []
        asked = {name.upper(): str(value) for name, value in environment.items()}
        process = Process([*changed, *arguments], self.environment | asked, self._folder / f"{len(self.processes)}.log", self._forks)
        self.processes.append(process)
        return process

    def worker(self, otherwise: str | None = None, **environment: object) -> Process:
        return self.start("chassis.worker", "pantry", otherwise=otherwise, **environment)

    def relay(self, otherwise: str | None = None, **environment: object) -> Process:
        return self.start("chassis.relay", "pantry", otherwise=otherwise, **environment)

    def publish(self, *events: Event) -> None:
        """Publish events through the outbox, as a service does."""
        with self.database.begin() as session:
            outbox.add(session, *events)

    def send_raw(self, body: bytes, properties: bytes, queue: str) -> None:
        """Send a message with raw AMQP 0-9-1 properties (flags, then values), which no client library would write."""

        class Raw(amqp.Message):  # type: ignore[misc]
            def _serialize_properties(self) -> bytes:
                return properties

        with connected(self.broker_url, 20) as connection:
            safe, unwanted = Publisher(connection, 10).publish([Message("", queue, Raw(body, message_id="m"))])
        assert safe == {0}
        assert not unwanted

    def send(self, body: bytes | str, headers: dict[str, Any], queue: str, **properties: Any) -> None:
        """Send a message straight into a queue, as any other program might."""
        said = {"application_headers": headers, "message_id": "m", "delivery_mode": 2, "content_type": "application/json"}
        message = amqp.Message(body, **said | properties)
        with connected(self.broker_url, 20) as connection:
            safe, unwanted = Publisher(connection, 10).publish([Message("", queue, message)])
        assert safe == {0}
        assert not unwanted

    def taken(self, *events: Event) -> Counter[UUID]:
        """Count how often each subject was handled; timers do not count."""
        with self.database.begin() as session:
            return Counter(session.scalars(text("SELECT subject FROM taken WHERE name NOT IN ('tick', 'stumble')")))

    def count(self, table: str) -> int:
        with self.database.begin() as session:
            return int(session.scalar(text(f"SELECT count(*) FROM {table}")) or 0)

    def waiting(self, queue: str) -> int:
        return self.broker.queues(self.vhost)[queue]

    def all_settled(self, *events: type[Event]) -> bool:
        """Tell whether all published events of these kinds were handled or parked."""
        unsettled = self.broker.unsettled(self.vhost)
        subscriptions = [subscription for subscription in SUBSCRIPTIONS if subscription.event in events]
        return not any(unsettled[name] for subscription in subscriptions for name in (subscription.queue, subscription.retry))

    @contextmanager
    def held(self) -> Iterator[Callable[[], int]]:
        """Block handlers at `HOLD` until the context ends; yield a function that counts them."""
        with self.database.begin() as session:
            session.execute(text("SELECT pg_advisory_xact_lock(:hold)"), {"hold": HOLD})
            yield lambda: self.count("pg_locks WHERE locktype = 'advisory' AND NOT granted")

    def parked(self, subscription: Subscription, state: str = "parked") -> list[Any]:
        """List the dead letters of a queue, oldest first."""
        with self.database.begin() as session:
            letters = text("SELECT * FROM dead_letters WHERE queue = :queue AND state = :state ORDER BY id")
            return list(session.execute(letters, {"queue": subscription.queue, "state": state}))

    def read(self, queue: str) -> list[amqp.Message]:
        """Take all messages out of a queue."""
        messages: list[amqp.Message] = []
        with self.channel() as channel:
            channel.auto_decode = False
            _, count, _ = channel.queue_declare(queue, passive=True)
            channel.basic_consume(queue, no_ack=True, callback=messages.append)
            while len(messages) < count:
                channel.connection.drain_events(timeout=10)
        return messages

    def tap(self, producer: str = "needs") -> str:
        """Bind a queue that gets a copy of every later event; return its name."""
        with self.channel() as channel:
            channel.queue_declare("everything", durable=True, auto_delete=False, arguments={"x-queue-type": "quorum"})
            channel.queue_bind("everything", f"{producer}.events", "#")
        return "everything"

    def close(self) -> None:
        for process in self.processes:
            if process.lives():
                process.signal(signal.SIGCONT)
                process.end()
            print(f"--- {process.log.name}", process.log.read_text()[-5000:], sep="\n")
        self.database.close()


def once(*events: Event) -> Counter[UUID]:
    """Return what `House.taken` returns when each of these was handled once."""
    return Counter(event.subject for event in events)


@contextmanager
def open_house(postgres: Postgres, database_url: str, broker: RabbitMQ, folder: Path, *, forks: bool = False) -> Iterator[House]:
    """Yield a house on these servers. With `forks` most of its processes are forks, which start sooner."""
    with broker.vhost() as vhost:
        house = House(database_url, broker, vhost, folder, forks)
        try:
            house.declare()
            yield house
        finally:
            house.close()
            postgres.drop(database_url.rpartition("/")[2])
