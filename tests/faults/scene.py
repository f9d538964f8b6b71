"""The scene of a campaign: real roles as processes, restarted when they end, with a proxy before each server."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.fernet import Fernet

from chassis.testing import forkserver
from chassis.testing.postgres import Postgres, audit_role, keys_role
from chassis.testing.rabbitmq import RabbitMQ
from chassis.testing.templates import create_migrated
from tests.faults.proxy import Wire

ROOT = Path(__file__).resolve().parents[2]
HOUSE = Path(__file__).parent / "house"
HEARTBEAT_SECONDS = 5
Servers = tuple[Postgres, RabbitMQ]
MODULES = {"relay": "chassis.relay", "worker": "chassis.worker", "clear": "matching.clear"}


@dataclass
class Role:
    """One process, such as `matching-worker`; `changes` are guards taken out of it."""

    name: str
    environment: dict[str, str]
    folder: Path
    changes: str = "-"
    is_forked: bool = False
    """Whether it goes on as a fork, which starts sooner, instead of being started as operators do."""
    starts: int = field(default=0, init=False)
    process: subprocess.Popen[bytes] | forkserver.Fork | None = field(default=None, init=False)
    _says_from: int = field(default=0, init=False)

    @property
    def order(self) -> Path:
        return self.folder / f"{self.name}.moment"

    @property
    def log(self) -> Path:
        return self.folder / f"{self.name}.log"

    def start(self) -> None:
        service, _, role = self.name.rstrip("0123456789").partition("-")
        arguments = ["tests.faults.moments", self.changes, MODULES[role], service]
        environment = self.environment | {"MOMENT_FILE": str(self.order)}
        self._says_from = self.log.stat().st_size if self.log.exists() else 0
        if self.is_forked:
            self.process = forkserver.start(arguments, environment, self.log, cwd=ROOT)
        else:
            command = ["setpriv", "--pdeathsig", "KILL", "--", sys.executable, "-W", "ignore", "-m", *arguments]
            with self.log.open("ab") as log:
                self.process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
        self.starts += 1

    def lives(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def is_ready(self) -> bool:
        return self.lives() and b" ready" in self.log.read_bytes()[self._says_from :]

    def signal(self, signum: int) -> None:
        if self.process:
            self.process.send_signal(signum)

    def tell(self, moment: str, act: str) -> None:
        """Tell the process to die or wait at its next pass of a moment."""
        new = self.order.with_suffix(".new")
        new.write_text(f"{moment} {act}")
        new.rename(self.order)

    @property
    def waits(self) -> bool:
        return self.order.with_suffix(".reached").exists()

    def go_on(self) -> None:
        """Release the waiting process; later orders stay in force."""
        self.order.with_suffix(".reached").unlink(missing_ok=True)

    def let_go(self) -> None:
        """Release the process and cancel all orders."""
        self.order.unlink(missing_ok=True)
        self.go_on()


class Scene:
    """Databases and queues of some services behind proxies, with their running roles, driven by the main thread."""

    def __init__(
        self, postgres: Postgres, rabbitmq: RabbitMQ, services: Sequence[str], roles: Sequence[str], folder: Path, is_forked: bool
    ) -> None:
        self.postgres = postgres
        self.rabbitmq = rabbitmq
        self.services = services
        self.folder = folder
        self.database_wire = Wire(postgres.port)
        self.broker_wire = Wire(rabbitmq.port)
        self.vhost = folder.name
        self._names = {service: f"{service}_{re.sub('[^a-z0-9]', '_', folder.name)}" for service in services}
        self.environment = os.environ | {
            "PYTHONPATH": f"{ROOT}:{HOUSE}",
            "BROKER_URL": rabbitmq.url(self.vhost).replace(f":{rabbitmq.port}/", f":{self.broker_wire.port}/"),
            **{f"{service.upper()}_DATABASE_URL": self._behind_wire(service) for service in services},
            "HEARTBEAT_SECONDS": str(HEARTBEAT_SECONDS),
            "RETRY_PAUSE_MS": "500",
            "POOL_SIZE": "8",
            "SEAL_KEYS": Fernet.generate_key().decode(),
            "KEY_ENCRYPTION_KEYS": Fernet.generate_key().decode(),
            "USERS_KEYS_DATABASE_URL": postgres.url(keys_role("users"), keys_role("users")),
            "FINGERPRINT_KEY": "faults",
            "PUBLIC_URL": "https://duijie.example.org",
        }
        self.roles = {name: Role(name, self.environment, folder, is_forked=is_forked) for name in roles}
        self.keeps_running = False

    def url(self, service: str) -> str:
        """Return a database's address without a proxy before it."""
        return self.postgres.url(self._names[service]).replace("+psycopg", "")

    def audit_url(self, service: str) -> str:
        """Return a database's address for the role that owns it and its audit log."""
        return self.postgres.url(self._names[service], audit_role(service))

    @property
    def urls(self) -> dict[str, str]:
        return {service: self.url(service) for service in self.services}

    @property
    def broker_url(self) -> str:
        return self.rabbitmq.url(self.vhost)

    def build(self, declares_twice: bool) -> None:
        """Create databases, virtual host and queues; with `twice` the first declaration is killed half-way."""
        self.rabbitmq.create_vhost(self.vhost)
        for service, name in self._names.items():
            create_migrated(self.postgres, service, name)
        if declares_twice:
            self.declare(killed=True)
        self.declare()
        self.rabbitmq.settle()

    def declare(self, killed: bool = False) -> None:
        """Declare the queues of all services; with `killed` die when a queue exists without its binding."""
        order = self.folder / "topology.moment"
        order.unlink(missing_ok=True)
        if killed:
            order.write_text("declared die")
        command = [sys.executable, "-W", "ignore", "-m", "tests.faults.moments", "-", "chassis.topology", *self.services]
        outcome = subprocess.run(command, cwd=ROOT, env=self.environment | {"MOMENT_FILE": str(order)}, check=False)
        if outcome.returncode != (-signal.SIGKILL if killed else 0):
            raise RuntimeError(f"declaring the queues ended with {outcome.returncode}")

    def start(self) -> None:
        self.keeps_running = True
        self.look_after()
        if not self.wait(lambda: all(role.is_ready() for role in self.roles.values()), 90):
            raise RuntimeError(f"not ready: {[name for name, role in self.roles.items() if not role.is_ready()]}; see {self.folder}")

    def look_after(self) -> None:
        """Restart processes that have ended."""
        for role in self.roles.values():
            if self.keeps_running and not role.lives():
                role.start()

    def wait(self, holds: Callable[[], bool], seconds: float) -> bool:
        """Wait until a condition holds and return it; restart processes that end meanwhile."""
        deadline = time.monotonic() + seconds
        while not (held := holds()) and time.monotonic() < deadline:
            self.look_after()
            time.sleep(0.02)
        return held

    def close(self) -> None:
        self.keeps_running = False
        for role in self.roles.values():
            role.let_go()
            if role.process and role.lives():
                role.process.kill()
                role.process.wait()
        self.database_wire.close()
        self.broker_wire.close()
        for name in self._names.values():
            self.postgres.drop(name)
        self.rabbitmq.delete_vhost(self.vhost)

    def _behind_wire(self, service: str) -> str:
        return self.postgres.url(self._names[service], service).replace(f":{self.postgres.port}/", f":{self.database_wire.port}/")


@contextmanager
def scene(
    postgres: Postgres,
    rabbitmq: RabbitMQ,
    services: Sequence[str],
    roles: Sequence[str],
    folder: Path,
    *,
    declares_twice: bool = False,
    is_forked: bool = False,
) -> Iterator[Scene]:
    """Build a scene without running processes; remove it at the end."""
    opened = Scene(postgres, rabbitmq, services, roles, folder, is_forked)
    try:
        opened.build(declares_twice)
        yield opened
    finally:
        opened.close()
