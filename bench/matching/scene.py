"""A PostgreSQL, a RabbitMQ and processes for one run, started as the stack starts them."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import amqp
import psycopg
from cryptography.fernet import Fernet
from kombu import Queue

from chassis.data.database import new_id, now
from chassis.messaging.broker import Message, Publisher, connected, count_waiting, message_for
from chassis.ops.tracing import continue_or_start
from chassis.testing.postgres import Postgres
from chassis.testing.rabbitmq import RabbitMQ
from chassis.testing.templates import create_and_migrate
from contracts.event import Envelope, Event, encode, exchange_of, name_of, producer_of
from deploy.services import services

ROOT = Path(__file__).resolve().parents[2]
TOLD = "bench.matching.match_proposed.v1"
"""Where every match that anybody proposes is told to: the only listener."""
ROLES = [(role, module) for role, module in services()["matching"].roles.items() if role != "web"]
AT_ONCE = 500
Running = subprocess.Popen[bytes]


class Scene:
    """Private servers for a run. `url` gives a database's address for SQLAlchemy, `plain` for psycopg."""

    def __init__(self, server: Postgres, broker: RabbitMQ, folder: Path) -> None:
        self.server, self.broker, self.broker_url, self._folder = server, broker, broker.url(), folder
        create_and_migrate(server, "matching", "matching")
        subprocess.run([sys.executable, "-W", "ignore", "-m", "chassis.topology", "matching"], env=self._told("matching"), check=True)
        self.declare(TOLD)
        with self.channel() as channel:
            channel.queue_bind(TOLD, exchange_of("matching"), "match_proposed")

    @contextmanager
    def channel(self) -> Iterator[amqp.Channel]:
        with connected(self.broker_url, 60) as connection:
            yield connection.channel()

    def declare(self, queue: str) -> None:
        with self.channel() as channel:
            Queue(queue, durable=True, queue_arguments={"x-queue-type": "quorum"})(channel).declare()

    def url(self, database: str) -> str:
        return self.server.url(database)

    def connect(self, database: str) -> psycopg.Connection[tuple[object, ...]]:
        return psycopg.connect(self.url(database).replace("+psycopg", ""), autocommit=True)

    def publish(self, events: Sequence[Event], queue: str | None = None) -> None:
        """Publish events as a relay does: persistent, mandatory, confirmed, one a message, to all listeners or to one queue."""
        with connected(self.broker_url, 60) as connection:
            publisher = Publisher(connection, 60)
            for at in range(0, len(events), AT_ONCE):
                letters = [message_of(event, queue) for event in events[at : at + AT_ONCE]]
                safe, unwanted = publisher.publish(letters)
                if len(safe) < len(letters) or unwanted:
                    raise RuntimeError("the broker did not take every event")

    def consume_matches(self) -> list[bytes]:
        """Consume and return the bodies of all published matches."""
        bodies: list[bytes] = []
        with self.channel() as channel:
            channel.auto_decode = False
            waiting = channel.queue_declare(TOLD, passive=True).message_count
            channel.basic_qos(0, AT_ONCE, False)

            def take(message: amqp.Message) -> None:
                bodies.append(bytes(message.body) if not isinstance(message.body, str) else message.body.encode())
                if len(bodies) % 100 == 0 or len(bodies) == waiting:
                    channel.basic_ack(message.delivery_tag, multiple=True)

            channel.basic_consume(TOLD, callback=take)
            while len(bodies) < waiting:
                channel.connection.drain_events(timeout=30)
        return bodies

    @contextmanager
    def matching(self, database: str = "matching") -> Iterator[dict[str, Running]]:
        """Start worker, clear and relay of matching; yield them by role once they are ready."""
        with ExitStack() as stack:
            yield {role: stack.enter_context(self.running(database, module, "matching")) for role, module in ROLES}

    @contextmanager
    def running(self, database: str, module: str, *arguments: str) -> Iterator[Running]:
        """Run a Python process; yield it once it is ready, stop it at the end."""
        said = self._folder / f"{module}-{new_id()}"
        command = [sys.executable, "-W", "ignore", "-m", module, *arguments]
        with said.open("wb") as file:
            process = subprocess.Popen(command, cwd=ROOT, env=self._told(database), stdout=file, stderr=file)
        try:
            deadline = time.monotonic() + 120
            while b" ready" not in said.read_bytes():
                if process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"{module} does not start:\n{said.read_text()[-3000:]}")
                time.sleep(0.05)
            yield process
        finally:
            process.send_signal(signal.SIGCONT)
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _told(self, database: str) -> dict[str, str]:
        keys = {"SEAL_KEYS": Fernet.generate_key().decode(), "FINGERPRINT_KEY": "bench", "JWKS_URL": "http://127.0.0.1:9/v1/jwks"}
        return os.environ | keys | {"MATCHING_DATABASE_URL": self.url(database), "BROKER_URL": self.broker_url}


@contextmanager
def held(process: Running) -> Iterator[None]:
    """Pause the process while its input is prepared, so that the clock starts with its work."""
    process.send_signal(signal.SIGSTOP)
    yield
    process.send_signal(signal.SIGCONT)


def told_count(connection: amqp.Connection) -> int:
    return count_waiting(connection, TOLD) or 0


def message_of(event: Event, queue: str | None = None) -> Message:
    """Make the message of an event as a relay does, for all listeners or for one queue."""
    kind = type(event)
    envelope = Envelope(
        id=new_id(),
        name=name_of(kind),
        producer=producer_of(kind),
        subject=event.subject,
        recorded_at=now(),
        traceparent=continue_or_start(None),
    )
    return message_for(envelope, encode(event), queue)
