"""Everywhere that a running stack writes: logs, queues, tables, answers, metrics, traces; and a mark planted in each."""

import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import httpx
from kombu import Connection, Consumer, Exchange, Queue
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from prometheus_client import CollectorRegistry, Counter, start_http_server
from sqlalchemy import Connection as Database
from sqlalchemy import create_engine, insert, text

from chassis.data.audit_log import AuditEntry
from chassis.data.database import new_id
from chassis.messaging.outbox import journal, outbox
from deploy.local.client import ApiClient
from deploy.local.collector import Collector
from deploy.services import services

from .conftest import World

SHIPPED = {"regions", "region_aliases", "region_spellings"}
"""Tables of published data, too large to read."""
_TABLES = text(
    "SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
    " WHERE n.nspname IN ('public', 'audit') AND c.relkind = 'r' AND has_table_privilege(c.oid, 'SELECT')"
)


@dataclass
class Sinks:
    """The sinks of a world; `messages` and `refusals` gather what passed while somebody looked."""

    world: World
    spans: Collector
    messages: list[bytes] = field(default_factory=list)
    refusals: list[bytes] = field(default_factory=list)
    measured: list[str] = field(default_factory=list)

    def read(self) -> dict[str, bytes]:
        """Return the whole content of each sink by its name."""
        found = {"log": b"\n".join(path.read_bytes() for path in (self.world.folder / "said", self._log) if path.exists())}
        for name in services():
            with self._database(name) as connection:
                for table, content in self._tables(connection).items():
                    found[f"{name}.{table}"] = content
        found["queue"] = b"\n".join(self.messages)
        found["error body"] = b"\n".join(self.refusals)
        found["metric"] = b"\n".join(httpx.get(url, trust_env=False).content for url in [*self.world.metrics.values(), *self.measured])
        found["trace"] = b"\n".join(self.spans.bodies)
        return found

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Bind a queue to every exchange and keep a copy of all that is published."""
        with Connection(self.world.environment["BROKER_URL"]) as broker, broker.channel() as channel:
            queue = Queue(f"canary-{uuid4()}", exclusive=True, auto_delete=True)(channel)
            queue.declare()
            for name, service in services().items():
                if service.roles.get("relay"):
                    queue.bind_to(Exchange(f"{name}.events", type="topic", passive=True), routing_key="#")
            with Consumer(channel, [queue], on_message=self._keep, no_ack=True):
                yield
                self._drain(broker)

    def publish(self, exchange: str, key: str, body: bytes) -> None:
        """Publish a message as a service would."""
        with Connection(self.world.environment["BROKER_URL"]) as broker:
            broker.Producer().publish(body, exchange=exchange, routing_key=key, content_type="application/json", headers={})

    def plant(self, mark: str) -> dict[str, bytes]:
        """Put the mark into each sink by the sink's own way; return what is read while it lies there."""
        logging = f"import logging; from chassis.ops import telemetry; telemetry.start('canary', 'test'); logging.warning({mark!r})"
        self._log.write_bytes(subprocess.run([sys.executable, "-c", logging], capture_output=True, check=True).stderr)
        registry = CollectorRegistry()
        Counter("canary", "A planted mark.", ["mark"], registry=registry).labels(mark).inc()
        server, thread = start_http_server(0, "127.0.0.1", registry)
        self.measured.append(f"http://127.0.0.1:{server.server_port}/metrics")
        request = ExportTraceServiceRequest()
        spans = request.resource_spans.add()
        spans.resource.attributes.add(key="service.name").value.string_value = "canary"
        spans.scope_spans.add().spans.add(name=mark)
        httpx.post(f"{self.spans.address}/v1/traces", content=request.SerializeToString(), trust_env=False)
        with self.listening():
            self.publish("users.events", "user_registered", f'{{"canary": "{mark}"}}'.encode())
        self.refusals.append(httpx.Response(422, json={"title": mark}).content)
        with self._database("needs") as connection:
            event = {"id": new_id(), "name": mark[:100], "teller": "canary", "subject": uuid4(), "version": 1, "body": mark}
            event["recorded_at"] = datetime.now(UTC)
            connection.execute(insert(outbox), event)
            connection.execute(insert(journal), event | {"told_at": datetime.now(UTC)})
            entry = {
                "id": new_id(),
                "act": mark,
                "outcome": "done",
                "actor_kind": "guest",
                "subject_kind": "canary",
                "region": "",
                "details": {},
            }
            connection.execute(insert(AuditEntry), entry)
            written = {f"needs.{table}": content for table, content in self._tables(connection).items()}
            connection.rollback()
        found = self.read()
        server.shutdown()
        thread.join()
        self.measured.clear()
        self._log.unlink()
        return found | {name: content for name, content in written.items() if name != "needs.dead_letters"}

    @property
    def _log(self) -> Any:
        return self.world.folder / "canary.log"

    @contextmanager
    def _database(self, service: str) -> Iterator[Database]:
        engine = create_engine(self.world.environment[f"{service.upper()}_DATABASE_URL"])
        with engine.connect() as connection:
            yield connection
        engine.dispose()

    def _tables(self, connection: Database) -> dict[str, bytes]:
        """Return the rows of each table as text, with columns of bytes beside it as they are; days of the journal are one table."""
        found: dict[str, bytes] = defaultdict(bytes)
        for (table,) in connection.execute(_TABLES).all():
            if table not in SHIPPED:
                rows = "\n".join(connection.scalars(text(f"SELECT t::text FROM {table} t")))
                raw = b"\n".join(bytes.fromhex(one) for one in re.findall(r"\\x((?:[0-9a-f]{2})+)", rows))
                found["journal" if table.startswith("journal") else table] += rows.encode() + b"\n" + raw
        return found

    def _keep(self, message: Any) -> None:
        body = message.body if isinstance(message.body, bytes) else str(message.body).encode()
        self.messages.append(body + b" " + str(message.headers).encode())

    def _drain(self, broker: Connection) -> None:
        while True:
            try:
                broker.drain_events(timeout=1)
            except TimeoutError:
                return


@dataclass
class Marks:
    """Everything personal and secret that clients sent or got while they were watched, by its kind."""

    found: dict[str, set[str]] = field(default_factory=dict)

    def add(self, kind: str, value: Any) -> None:
        if isinstance(value, str) and len(value) >= 4:
            self.found.setdefault(kind, set()).add(value)

    def found_in(self, content: bytes) -> set[str]:
        """Return the kinds of marks that stand in the content. A code of six digits counts when it stands by itself."""
        return {kind for kind, values in self.found.items() if any(self._stands_in(kind, value, content) for value in values)}

    def _stands_in(self, kind: str, value: str, content: bytes) -> bool:
        if kind == "code":
            return re.search(rb"(?<![0-9A-Fa-f.:_-])%b(?![0-9A-Fa-f.:_-])" % re.escape(value.encode()), content) is not None
        return value.encode() in content or value.encode("unicode_escape") in content


NAME, TEXT = "欧阳鹄鸣", "墨隼衔枝三更未归"
SECRETS = {"phone": "phone", "national_id": "national id", "password": "password", "code": "code", "refresh_token": "token"}


@contextmanager
def watched(patch: Any, marks: Marks, sinks: Sinks) -> Iterator[None]:
    """Let every client send marked names and texts; note the secrets that pass, and keep every refusal."""
    request = httpx.Client.request

    def watch(client: httpx.Client, method: str, url: Any, **more: Any) -> httpx.Response:
        body = more.get("json")
        # What stands in a collection point is public, and so in events.
        if isinstance(body, dict) and not str(url).endswith("/v1/places"):
            more["json"] = body = body | {key: NAME if key == "name" else TEXT for key in ("name", "text") if key in body}
            if str(url).endswith("/v1/needs") and "reason" in body:
                body["reason"] = TEXT
            for key, kind in SECRETS.items():
                marks.add(kind, body.get(key))
        answer = request(client, method, url, **more)
        if answer.status_code >= 400:
            sinks.refusals.append(answer.content)
        elif "application/json" in answer.headers.get("content-type", "") and isinstance(answer.json(), dict):
            for key in ("access_token", "refresh_token", "secret"):
                marks.add("token", answer.json().get(key))
            for code in answer.json().get("recovery_codes", []):
                marks.add("recovery code", code)
        return answer

    marks.add("name", NAME)
    marks.add("text", TEXT)
    with sinks.listening():
        patch.setattr(httpx.Client, "request", watch)
        yield
        patch.undo()


def refuse_everything(client: ApiClient, marks: Marks) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield requests with marks that are refused, so that their answers can be searched."""
    for phone in marks.found.get("phone", set()):
        yield "/v1/sessions", {"phone": phone, "password": "no password of anybody"}
        yield "/v1/accounts", {"kind": "donor", "phone": phone, "name": NAME, "password": "x"}
    for national_id in marks.found.get("national id", set()):
        yield "/v1/households", {"national_id": national_id, "name": NAME, "region": "11"}
    yield "/v1/needs", {"reason": TEXT, "category": TEXT, "quantity": TEXT}
