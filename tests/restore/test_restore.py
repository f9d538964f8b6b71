"""Matching's database is lost under load and restored from an earlier backup; in the end all services agree."""

import io
import json
import random
import subprocess
import sys
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager, redirect_stdout
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from chassis.data.database import Database
from chassis.testing.campaigns import only_whole
from chassis.testing.postgres import Postgres, binaries, own_account
from chassis.testing.rabbitmq import RabbitMQ
from tests.faults.driver import Driver
from tests.faults.ledger import Ledger
from tests.faults.scene import ROOT, Role, Scene, scene
from tests.restore import people, world

EVENTS, RATE = 6_000, 150
SERVICES = ("matching", "notify", "insight", "needs", "users")
OF_MATCHING = ("matching-relay", "matching-worker", "matching-clear")
ROLES = (*OF_MATCHING, "users-relay", "users-worker", "notify-relay", "needs-relay", "needs-worker", "notify-worker", "insight-worker")
BEFORE = timedelta(minutes=5)
NOTHING_AMISS = dict.fromkeys(
    ("over_allocated", "pairs_waiting", "otherwise_in_needs", "otherwise_in_insight", "unknown_told", "told_twice", "needs_unknown"), 0
) | {"pledges_unanswered": 0, "audit": 0}


class Drill:
    """A drill: load, the loss of matching's database, and the steps of docs/operating/restoring.md."""

    def __init__(self, house: Scene, tools: Path) -> None:
        self.house = house
        self.tools = tools
        self.driver = Driver(house.urls, EVENTS, RATE, seed=5)
        self.people = random.Random(5)
        self.backup = house.folder / "matching.dump"
        self.resting: dict[str, Role] = {}
        self.acts: dict[str, int] = {}

    def begin(self) -> None:
        """Start all roles that should run; a busy machine needs minutes."""
        self.house.keeps_running = True
        assert self.house.wait(lambda: all(role.is_ready() for role in self.house.roles.values()), 240)

    def live(self, until: float, named: str) -> None:
        """Run the load to a share of its events while people act; some events stay in flight."""
        self.driver.allow(until)
        with self._book() as book:
            while len(self.driver.written) < EVENTS * until:
                self.house.look_after()
                self.acts[named] = self.acts.get(named, 0) + people.act(book, self.people, 10)

    def back_up(self) -> datetime:
        began = datetime.now(UTC)
        self._tool("pg_dump", "--format=custom", "--file", str(self.backup), self.house.url("matching"))
        return began

    def lose(self) -> None:
        """Kill matching and drop its database while the others go on."""
        self.stop(OF_MATCHING)
        self.house.postgres.drop(self._name)

    def restore(self) -> None:
        self.house.postgres.create_for("matching", self._name)
        self._tool("pg_restore", "--exit-on-error", "--dbname", self.house.url("matching"), str(self.backup))
        self.run("chassis.migrate", "matching", MATCHING_AUDIT_DATABASE_URL=self.house.audit_url("matching"))
        self.run("chassis.topology", "matching")

    def recall(self, *more: str) -> dict[str, int]:
        """Return the rows of needs once it has handled all events of matching."""
        assert self.house.wait(lambda: self._waiting("needs.matching.") == 0, 60)
        as_told = self.house.folder / "as-told.jsonl"
        as_told.write_text(self.run("needs.as_told"))
        outcome: dict[str, int] = json.loads(self.run("matching.recall", str(as_told), *more))
        return outcome

    def replay(self, since: datetime) -> None:
        for producer in ("users", "needs"):
            self.run("chassis.replay", producer, "--to", "matching", "--since", (since - BEFORE).isoformat())

    def heard(self) -> bool:
        return self.house.wait(lambda: self._waiting("matching.") == 0, 120)

    def run(self, *command: str, **more: str) -> str:
        """Return the output of an operator's command, run with `more` settings."""
        printed = io.StringIO()
        with pytest.MonkeyPatch.context() as change, redirect_stdout(printed):
            for name, value in (self.house.environment | more).items():
                change.setenv(name, value)
            change.setattr(sys, "argv", list(command))
            import_module(command[0]).main()
        return printed.getvalue()

    def audit(self) -> int:
        """Count the checks of the book that do not hold."""
        command = [sys.executable, "-W", "ignore", "-m", "matching.audit"]
        outcome = subprocess.run(command, cwd=ROOT, env=self.house.environment, capture_output=True, text=True, check=False)
        failed = [line for line in map(json.loads, outcome.stdout.splitlines()) if not line["holds"]]
        print(*failed, sep="\n")
        assert outcome.returncode == bool(failed), outcome.stderr[-2000:]
        return len(failed)

    def stop(self, names: Collection[str]) -> None:
        for name in names:
            self.resting[name] = self.house.roles.pop(name)
            process = self.resting[name].process
            assert process is not None
            process.kill()
            process.wait()

    def start(self, *names: str) -> None:
        for name in names:
            self.house.roles[name] = self.resting.pop(name)
        self.begin()

    @property
    def _name(self) -> str:
        return self.house.url("matching").rpartition("/")[2]

    @contextmanager
    def _book(self) -> Iterator[Database]:
        book = Database(self.house.environment["MATCHING_DATABASE_URL"], name="people", pool_size=2)
        try:
            yield book
        finally:
            book.close()

    def _tool(self, name: str, *arguments: str) -> None:
        subprocess.run([self.tools / name, *arguments], check=True)

    def _waiting(self, start: str) -> int:
        """Count messages in queues with this prefix, those in handlers included."""
        queues = self.house.rabbitmq.unsettled(self.house.vhost)
        return sum(waiting for queue, waiting in queues.items() if queue.startswith(start))


def drill(house: Scene, tools: Path, without: str = "") -> dict[str, Any]:
    """Run the drill, `without` one of the steps, and return its result."""
    drill = Drill(house, tools)
    drill.begin()
    drill.driver.start()
    drill.live(0.4, "before")
    began = drill.back_up()
    drill.live(0.7, "forgotten")
    time.sleep(1)
    drill.lose()
    lost_at = time.monotonic()
    drill.driver.allow(0.9)
    drill.restore()
    first = drill.recall() if without != "recall" else {}
    drill.start("matching-worker")
    if without != "replay":
        drill.replay(began)
    assert drill.heard()
    second = drill.recall("--replayed") if without != "recall" else {}
    drill.start("matching-relay", "matching-clear")
    seconds = time.monotonic() - lost_at
    drill.driver.finish(60)
    ledger = Ledger(house.urls, house.broker_url, {})
    assert house.wait(lambda: ledger.is_quiet(2), 120), ledger.moving()
    return {
        "acts": drill.acts,
        "recalled": [first, second],
        "seconds": round(seconds, 1),
        **world.count(house.urls),
        "audit": drill.audit(),
    }


@only_whole
@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "without",
    [
        "",
        pytest.param("recall", marks=pytest.mark.xfail(strict=True, raises=AssertionError)),
        pytest.param("replay", marks=pytest.mark.xfail(strict=True, raises=(AssertionError, SystemExit))),
    ],
)
def test_book_restored_from_backup_agrees_with_all_listeners(
    postgres: Postgres, rabbitmq: RabbitMQ, tmp_path: Path, capsys: pytest.CaptureFixture[str], without: str
) -> None:
    with scene(postgres, rabbitmq, SERVICES, ROLES, tmp_path) as house:
        outcome = drill(house, binaries(own_account() is not None), without)
    with capsys.disabled():
        print(f"\n{json.dumps(outcome)}")
    assert {name: outcome[name] for name in NOTHING_AMISS} == NOTHING_AMISS
