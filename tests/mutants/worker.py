"""A process that tries mutants one after the other, each in a fork of itself: `python -m tests.mutants.worker`.

It runs in a copy of the tree, with the libraries imported and servers started, so a fork costs its own imports and tests alone. It reads
one JSON object a line: a module's path, its changed source, its tests and the seconds that these may take. It answers with the outcome.
"""

import itertools
import json
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, TextIO

import pytest

LIBRARIES = (
    "alembic.command", "apiflask", "argon2", "cryptography.fernet", "flask.testing", "httpx", "hypothesis.stateful", "joserfc.jwt",
    "limits.strategies", "marshmallow", "msgspec", "opentelemetry.sdk.trace", "ortools.graph.python.min_cost_flow", "phonenumbers",
    "PIL.Image", "PIL.ImageCms", "prometheus_client", "psycopg", "reportlab.pdfgen.canvas", "rich.progress", "schemathesis",
    "sqlalchemy.orm", "sqlalchemy.dialects.postgresql.psycopg", "structlog", "stdnum.cn", "xdist.scheduler",
)  # fmt: skip
TREE = Path.cwd()
DATES = itertools.count(int(time.time()) - 10**8)
KILLED, SURVIVED, SLOW = "killed", "survived", "slow"


class Twins:
    """A pytest plugin that leaves twins out: they fail by design, and say nothing about a mutant."""

    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        """Deselect the tests marked as expected to fail."""
        items[:] = [item for item in items if item.get_closest_marker("xfail") is None]


class Servers:
    """One PostgreSQL and, once a test needs it, one RabbitMQ for all forks."""

    def __init__(self) -> None:
        self.postgres: Any = import_module("chassis.testing.postgres")
        self.rabbitmq: Any = import_module("chassis.testing.rabbitmq")
        self.database = self.postgres.start(durable=False)
        self._broker: Any = None
        self.templates: set[str] = set()

    def prepare(self, services: list[str], with_broker: bool) -> None:
        """Migrate the templates of these services, in a fork, and start the broker."""
        for service in services:
            if f"{service}_template" not in self.templates:
                if in_fork(lambda service=service: self._migrate(service)) != 0:
                    raise RuntimeError(f"the tables of {service} could not be made")
                self.templates.add(f"{service}_template")
        if with_broker and self._broker is None:
            self._broker = self.rabbitmq.start(is_kept=False)

    def _migrate(self, service: str) -> None:
        sys.path.append(str(TREE / "chassis/tests/house"))
        import_module("chassis.testing.templates").create_migrated(self.database, service, f"{service}_made")

    def attach(self) -> None:
        """Let the fixtures of this fork use these servers instead of their own."""
        self.postgres.start = lambda *_, **__: nullcontext(self.database)
        if self._broker is not None:
            self.rabbitmq.start = lambda *_, **__: nullcontext(self._broker)
        import_module("chassis.testing.templates")._migrated[self.database] = set(self.templates)


def in_fork(work: Callable[[], int | None], seconds: float = 600) -> int | None:
    """Do the work in a fork; return its exit code, or None when it took too long and was killed with its children."""
    pid = os.fork()
    if not pid:
        code = 3
        try:
            os.setsid()
            said = os.open(TREE.with_suffix(".said"), os.O_RDWR | os.O_CREAT | os.O_TRUNC)
            for stream, target in ((0, os.open(os.devnull, os.O_RDONLY)), (1, said), (2, said)):
                os.dup2(target, stream)
            code = work() or 0
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(code)
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            end_session(pid)
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.01)
    end_session(pid)
    os.waitpid(pid, 0)
    return None


def end_session(pid: int) -> None:
    """Kill what a fork has left running."""
    with suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)


def run_tests(servers: Servers | None, tests: list[str]) -> int:
    """Run the tests in this fork up to the first failure, on these servers or their own; return pytest's exit code."""
    if servers:
        servers.attach()
    without_twins: ModuleType | Any = import_module("chassis.testing.twins")
    without_twins.altered = lambda function, *_: function
    without_twins.altered_sql = lambda statement, *_: statement
    os.environ.pop("CAMPAIGN", None)
    # Other plugins are not needed, and to load them takes half of the time.
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    return int(pytest.main(["-x", "-q", "--no-header", "-p", "pytest_timeout", "--timeout", "60", *tests], plugins=[Twins()]))


@contextmanager
def changed(path: Path, source: str) -> Iterator[None]:
    """Put the changed source in place of the module's, for the time of the block."""
    original = path.read_text("utf-8")
    write_dated(path, source)
    try:
        yield
    finally:
        write_dated(path, original)


def write_dated(path: Path, source: str) -> None:
    """Write a source with a date that no earlier one had: compiled files are told apart by their second and size."""
    path.write_text(source, "utf-8")
    moment = next(DATES)
    os.utime(path, (moment, moment))


def attempt(servers: Servers, asked: dict[str, Any]) -> str:
    """Run the tests on a mutant; return its outcome."""
    with changed(TREE / asked["path"], asked["source"]):
        code = in_fork(lambda: run_tests(None if asked["on_own_servers"] else servers, asked["tests"]), asked["seconds"])
    return SLOW if code is None else SURVIVED if code == 0 else KILLED


def main(asking: TextIO = sys.stdin) -> None:
    """Answer requests until the input ends."""
    answering, sys.stdout = sys.stdout, sys.stderr
    for library in LIBRARIES:
        with suppress(ImportError):
            import_module(library)
    servers = Servers()
    with servers.database:
        for line in asking:
            asked = json.loads(line)
            servers.prepare(asked["services"], asked["with_broker"])
            began = time.monotonic()
            outcome = attempt(servers, asked)
            print(json.dumps({"outcome": outcome, "seconds": round(time.monotonic() - began, 2)}), file=answering, flush=True)
    if servers._broker is not None:
        servers._broker.close()


if __name__ == "__main__":
    main()
