"""A process that tries mutants one after the other, each in a fork of itself: `python -m tests.mutants.worker`.

It runs in a copy of the tree, with the libraries imported and servers started. It reads one JSON object a line: a module's path, its
changed source, its tests and the seconds that these may take. It answers with the outcome. Asked for a `survey`, it runs tests on the
unchanged tree, and answers which lines of the guarded modules each one ran. Asked to `enter` a module, it forks a copy of itself that has
imported all of our own modules but those that depend on this one. The copy answers until it is asked to `leave`.
"""

import ast
import gc
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
from importlib.util import resolve_name
from pathlib import Path
from types import ModuleType
from typing import Any, TextIO

import hypothesis
import pytest

LIBRARIES = (
    "alembic.command", "apiflask", "argon2", "cryptography.fernet", "flask.testing", "httpx", "hypothesis.stateful", "joserfc.jwt",
    "limits.strategies", "marshmallow", "msgspec", "opentelemetry.sdk.trace", "ortools.graph.python.min_cost_flow", "phonenumbers",
    "PIL.Image", "PIL.ImageCms", "prometheus_client", "psycopg", "rich.progress", "schemathesis",
    "sqlalchemy.orm", "sqlalchemy.dialects.postgresql.psycopg", "structlog", "stdnum.cn", "xdist.scheduler",
)  # fmt: skip
TREE = Path.cwd()
DATES = itertools.count(int(time.time()) - 10**8)
FAILED, LOADED, PASSED = TREE.with_suffix(".failed"), TREE.with_suffix(".loaded"), TREE.with_suffix(".passed")
TRACING = TREE / "tests/mutants/tracing"
KILLED, SURVIVED, UNCLEAR = "killed", "survived", "unclear"
# The last plugin collects garbage, which takes longer than most tests.
OPTIONS = ("-x", "-q", "--no-header", "-p", "pytest_timeout", "-p", "no:unraisableexception")
TEST_SECONDS = 60
SURVEYED_SECONDS = 240
"""The time that a test may take while its lines are traced."""
TIMED_OUT = 64
"""The exit code of a fork whose first failing test took too long."""
BROKEN = 65
"""The exit code of a fork in which something else than a test raised."""


class Guarding:
    """A pytest plugin that chooses and orders the tests of a mutant, and notes the first that fails with its seconds.

    It leaves twins out: they fail by design, and say nothing about a mutant.
    """

    def __init__(self, first: list[str], chosen: list[str] | None) -> None:
        """`first` run first; `chosen` run and no others, unless it is None."""
        self._rank = {test: place for place, test in enumerate(first)}
        self._chosen = None if chosen is None else set(chosen)
        self.timed_out = False

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Deselect the tests marked as expected to fail, and those that were not chosen; begin with the first ones."""
        items[:] = [item for item in items if not is_twin(item) and (self._chosen is None or item.nodeid in self._chosen)]
        items.sort(key=lambda item: self._rank.get(item.nodeid, len(self._rank)))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note a test that failed."""
        if report.failed and not FAILED.exists():
            FAILED.write_text(json.dumps([report.nodeid, report.duration]))
            self.timed_out = f"Timeout (>{TEST_SECONDS}" in report.longreprtext


class Surveying:
    """A pytest plugin that traces which lines each test runs, and notes its seconds and whether it passed."""

    def __init__(self) -> None:
        self.tests: dict[str, tuple[float, bool]] = {}
        self._tracing: Any = import_module("tests.mutants.tracing.sitecustomize")
        self._tracer = self._tracing.start()

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Deselect the tests marked as expected to fail."""
        items[:] = [item for item in items if not is_twin(item)]

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> None:
        """Begin to trace a test, in this process and in those that it starts."""
        new = self._tracing.RUNNING.with_suffix(".new")
        new.write_text(item.nodeid, "utf-8")
        new.rename(self._tracing.RUNNING)
        self._tracer.forget()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note the seconds of a test, and whether it passed."""
        seconds, passed = self.tests.get(report.nodeid, (0.0, True))
        self.tests[report.nodeid] = (seconds + report.duration, passed and not report.failed)


def is_twin(item: pytest.Item) -> bool:
    """Tell whether a test is expected to fail."""
    return item.get_closest_marker("xfail") is not None


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
        code = BROKEN
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


def prepare_fork(servers: Servers | None) -> None:
    """Let the tests of this fork use these servers, or their own; no test runs longer than in `make test`, or fails for its time."""
    if servers:
        servers.attach()
    without_twins: ModuleType | Any = import_module("chassis.testing.twins")
    without_twins.altered = lambda function, *_: function
    without_twins.altered_sql = lambda statement, *_: statement
    os.environ.pop("CAMPAIGN", None)
    hypothesis.settings.register_profile("mutants", deadline=None, derandomize=True, database=None)
    hypothesis.settings.load_profile("mutants")


def run_tests(servers: Servers | None, tests: list[str], first: list[str], chosen: list[str] | None) -> int:
    """Run the tests in this fork up to the first failure, on these servers or their own; return pytest's exit code."""
    prepare_fork(servers)
    guarding = Guarding(first, chosen)
    code = int(pytest.main([*OPTIONS, "--timeout", str(TEST_SECONDS), *tests], plugins=[guarding]))
    return TIMED_OUT if guarding.timed_out else code


def survey(servers: Servers, asked: dict[str, Any]) -> dict[str, Any]:
    """Run tests on the unchanged tree; return the seconds of each, whether it passed, and the lines of the guarded modules that it ran."""
    targets, reached = (TREE.with_suffix(f".{name}") for name in ("targets", "reached"))
    targets.write_text("".join(f"{TREE / path}\n" for path in asked["guarded"]))
    for path in (reached, PASSED):
        path.unlink(missing_ok=True)
    code = in_fork(lambda: trace_tests(servers, asked["tests"]), asked["seconds"])
    # A file whose every test is a twin, or left out, is a survey of nothing.
    if code not in {0, pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.NO_TESTS_COLLECTED} or not PASSED.exists():
        return {"outcome": UNCLEAR}
    ran: dict[str, dict[str, set[int]]] = {}
    for line in reached.read_text("utf-8").splitlines() if reached.exists() else ():
        test, path, number = line.split("\t")
        ran.setdefault(str(Path(path).relative_to(TREE)), {}).setdefault(test, set()).add(int(number))
    lines = {path: {test: sorted(numbers) for test, numbers in tests.items() if test} for path, tests in ran.items()}
    return {"outcome": SURVIVED, "tests": json.loads(PASSED.read_text()), "lines": lines}


def trace_tests(servers: Servers, tests: list[str]) -> int:
    """Run the tests in this fork while their lines are traced; return pytest's exit code."""
    os.environ["PYTHONPATH"] = os.pathsep.join([str(TRACING), os.environ["PYTHONPATH"]])
    prepare_fork(servers)
    surveying = Surveying()
    options = [option for option in OPTIONS if option != "-x"]
    code = int(pytest.main([*options, "--timeout", str(SURVEYED_SECONDS), *tests], plugins=[surveying]))
    sys.settrace(None)
    PASSED.write_text(json.dumps(surveying.tests))
    return code


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
    FAILED.unlink(missing_ok=True)
    with changed(TREE / asked["path"], asked["source"]):
        given = None if asked["on_own_servers"] else servers
        code = in_fork(lambda: run_tests(given, asked["tests"], asked["first"], asked["chosen"]), asked["seconds"])
    return SURVIVED if code == 0 else UNCLEAR if code in {None, TIMED_OUT, BROKEN, pytest.ExitCode.NO_TESTS_COLLECTED} else KILLED


def enter(asked: dict[str, Any]) -> None:
    """Import in this process what the tests of a module need, except for the module and what depends on it."""
    LOADED.unlink(missing_ok=True)
    in_fork(lambda: note_independent(TREE / asked["path"], asked["tests"]))
    sys.path[:], names = json.loads(LOADED.read_text())
    for name in names:
        import_module(name)
    if (TREE / asked["path"]) in our_modules().values():
        raise RuntimeError(f"{asked['path']} was imported before its mutants")
    # What forks share is neither collected nor copied.
    gc.collect()
    gc.freeze()


def note_independent(changed: Path, tests: list[str]) -> int:
    """Collect the tests; write the search path and the names of our loaded modules that do not depend on the changed one."""
    code = int(pytest.main([*OPTIONS, "--collect-only", *tests]))
    ours = our_modules()
    imports = {name: imports_of(name, path) for name, path in ours.items()}
    dependent = {name for name, path in ours.items() if path == changed}
    while more := {name for name in imports if name not in dependent and imports[name] & dependent}:
        dependent |= more
    LOADED.write_text(json.dumps([sys.path, [name for name in ours if name not in dependent]]))
    return code


def our_modules() -> dict[str, Path]:
    """Return the files of our loaded modules, tests and their fixtures left out, in the order of loading."""
    files = {name: Path(module.__file__) for name, module in sys.modules.items() if getattr(module, "__file__", None)}
    return {
        name: path
        for name, path in files.items()
        if path.is_relative_to(TREE) and not path.name.startswith(("test_", "conftest")) and not name.startswith("__")
    }


def imports_of(name: str, path: Path) -> set[str]:
    """Return the names of modules that a module imports, with those of the packages around them."""
    package, found = name if path.name == "__init__.py" else name.rpartition(".")[0], {name}
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = resolve_name("." * node.level + (node.module or ""), package)
            found |= {base, *(f"{base}.{alias.name}" for alias in node.names)}
    around = {one.rsplit(".", depth)[0] for one in found for depth in range(1, one.count(".") + 1)}
    return (found | around) - {name}


def serve(servers: Servers, asking: TextIO, answering: TextIO) -> None:
    """Answer requests until the input ends, or a request to leave."""

    def answer(outcome: str, **more: object) -> None:
        print(json.dumps({"outcome": outcome} | more), file=answering, flush=True)

    for line in asking:
        asked = json.loads(line)
        if asked["what"] == "leave":
            return
        servers.prepare(asked["services"], asked["with_broker"])
        if asked["what"] == "enter":
            if not (pid := os.fork()):
                try:
                    enter(asked)
                    answer("entered")
                    serve(servers, asking, answering)
                except BaseException:
                    traceback.print_exc()
                finally:
                    # The servers belong to the process that started them.
                    os._exit(0)
            os.waitpid(pid, 0)
            answer("left")
            continue
        if asked["what"] == "survey":
            answer(**survey(servers, asked))
            continue
        outcome = attempt(servers, asked)
        failed, seconds = json.loads(FAILED.read_text()) if outcome == KILLED and FAILED.exists() else ("", 0)
        answer(outcome, failed=failed, seconds=seconds)


def main() -> None:
    """Start the servers and answer requests until the input ends."""
    answering, sys.stdout = sys.stdout, sys.stderr
    # Other plugins are not needed, and to load them takes half of the time.
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    for library in LIBRARIES:
        with suppress(ImportError):
            import_module(library)
    pytest.main([*OPTIONS, "--noconftest", "--collect-only", "docs"])
    servers = Servers()
    with servers.database:
        serve(servers, sys.stdin, answering)
    if servers._broker is not None:
        servers._broker.close()


if __name__ == "__main__":
    main()
