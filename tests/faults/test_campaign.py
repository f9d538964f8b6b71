"""Thousands of events through kill -9, stops, freezes and cut connections lose nothing and repeat nothing."""

import ast
import json
import secrets
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console
from rich.progress import Progress

from chassis.testing.campaigns import WHOLE, only_whole
from tests.faults.campaign import ROLES, SERVICES, WITNESS_HEARS, run
from tests.faults.driver import Driver
from tests.faults.ledger import Ledger
from tests.faults.plan import WORST, draw
from tests.faults.scene import Scene, Servers, scene

ROOT = Path(__file__).resolve().parents[2]
EVENTS, FAULTS = (20_000, 66) if WHOLE else (300, 3)
NOTHING_AMISS = dict.fromkeys(("lost", "twice", "over_allocated", "left_in_retry", "left_in_dead", "unmatched_pairs"), 0)
Act = Callable[[Scene, Driver], None]


def run_whole() -> dict[str, int]:
    """Run the command on its own servers and return the counts of its last line."""
    command = [sys.executable, "-W", "ignore", "-m", "tests.faults.campaign", "--events", str(EVENTS), "--faults", str(FAULTS)]
    outcome = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert outcome.returncode == 0, outcome.stderr[-3000:] + outcome.stdout
    counted: dict[str, int] = json.loads(outcome.stdout.splitlines()[-1])
    return counted


def run_short(servers: Servers, folder: Path) -> dict[str, int]:
    """Run a few faults on servers that run already; print the seed, which draws the same faults again."""
    seed = secrets.randbelow(1_000_000)
    with (
        scene(*servers, SERVICES, ROLES, folder, declares_twice=True, is_forked=True) as opened,
        Progress(console=Console(stderr=True)) as progress,
    ):
        progress.console.print(f"SEED={seed}", highlight=False)
        return run(opened, EVENTS, FAULTS, seed, progress)


@pytest.mark.timeout(1800)
def test_many_faults_lose_nothing_and_repeat_nothing(
    request: pytest.FixtureRequest, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    counted = run_whole() if WHOLE else run_short(request.getfixturevalue("victims"), tmp_path)
    with capsys.disabled():
        print(f"\n{json.dumps(counted)}")
    assert counted.pop("events") >= EVENTS
    assert counted.pop("faults") >= FAULTS - 1
    assert counted == NOTHING_AMISS


def test_the_same_seed_draws_the_same_faults() -> None:
    assert draw(7, 66, ROLES) == draw(7, 66, ROLES)
    assert draw(7, 66, ROLES) != draw(8, 66, ROLES)


def test_a_whole_campaign_does_every_one_of_the_worst_moments() -> None:
    drawn = {(fault.what, fault.role, fault.moment) for fault in draw(1, 66, ROLES)}
    assert set(WORST) <= drawn
    assert {"killed", "told to stop", "frozen"} <= {what for what, _, _ in drawn}


def test_the_ledger_imports_nothing_of_the_house() -> None:
    tree = ast.parse((Path(__file__).parent / "ledger.py").read_text())
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    imported |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert imported == {"json", "time", "collections", "collections.abc", "pathlib", "typing", "urllib.parse", "amqp", "psycopg"}


def worker_dies_before_acknowledging(opened: Scene, driver: Driver) -> None:
    opened.roles["witness-worker"].tell("committed", "die")
    driver.allow(0.5)
    assert opened.wait(lambda: opened.roles["witness-worker"].starts == 2, 30)


def worker_dies_before_committing(opened: Scene, driver: Driver) -> None:
    opened.roles["witness-worker"].tell("acted", "die")
    driver.allow(0.5)
    assert opened.wait(lambda: opened.roles["witness-worker"].starts == 2, 30)


def broker_goes_before_confirming(opened: Scene, driver: Driver) -> None:
    relay = opened.roles["needs-relay"]
    relay.tell("claimed", "wait")
    driver.allow(0.5)
    assert opened.wait(lambda: relay.waits, 30)
    opened.broker_wire.hold()
    relay.tell("sent", "wait")
    relay.go_on()
    assert opened.wait(lambda: relay.waits, 30)
    opened.broker_wire.cut()
    relay.let_go()


@only_whole
@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("role", "change", "act", "reported"),
    [
        ("witness-worker", "-", worker_dies_before_acknowledging, set()),
        ("witness-worker", "without_inbox", worker_dies_before_acknowledging, {"twice"}),
        ("witness-worker", "-", worker_dies_before_committing, set()),
        ("witness-worker", "acknowledged_on_arrival", worker_dies_before_committing, {"lost"}),
        ("needs-relay", "-", broker_goes_before_confirming, set()),
        ("needs-relay", "told_before_confirmed", broker_goes_before_confirming, {"lost"}),
    ],
)
def test_the_ledger_reports_what_a_missing_guard_lets_through(
    victims: Servers, tmp_path: Path, role: str, change: str, act: Act, reported: set[str]
) -> None:
    with scene(*victims, ("witness", "needs"), ("needs-relay", "witness-worker"), tmp_path) as opened:
        opened.roles[role].changes = change
        opened.start()
        driver = Driver(opened.urls, 60, 1000, seed=1)
        driver.start()
        act(opened, driver)
        driver.finish(30)
        ledger = Ledger(opened.urls, opened.broker_url, WITNESS_HEARS)
        assert opened.wait(lambda: ledger.is_quiet(1), 60)
        counted = ledger.count(driver.written)
    assert counted.pop("events") >= 60
    assert {name for name, figure in counted.items() if figure} == reported, counted
