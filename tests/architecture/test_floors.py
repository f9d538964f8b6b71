"""The floors hold: services on the chassis, the chassis on the contracts; and whoever breaks that is caught."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.floors import rules
from deploy.services import services

ROOT = Path(__file__).resolve().parents[2]
SOURCES = {
    "contracts": ROOT / "contracts/contracts",
    "chassis": ROOT / "chassis/chassis",
    "deploy": ROOT / "deploy",
    **{name: ROOT / "services" / name / name for name in services()},
}


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(folder), "COLUMNS": "300"}
    command = [sys.executable, "-m", "deploy.floors"]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    for name, source in SOURCES.items():
        shutil.copytree(source, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__", "*.xz"))
    return tmp_path


def test_no_import_runs_upwards_or_from_service_to_service(copy: Path) -> None:
    outcome = lint_imports(copy)
    assert outcome.returncode == 0, outcome.stderr


@pytest.mark.parametrize(
    ("file", "line", "rule"),
    [
        ("needs/actions.py", "import matching.intake", "services stand on the chassis"),
        ("chassis/messaging/outbox.py", "import needs.model", "services stand on the chassis"),
        ("contracts/event.py", "import chassis.data.database", "services stand on the chassis"),
        ("needs/queries.py", "import needs.api", "inside needs"),
        ("matching/worker.py", "import matching.api", "inside matching"),
        ("users/accounts/actions.py", "import users.import_accounts", "inside users"),
        ("users/regions/queries.py", "import users.households.model", "inside users"),
        ("matching/web.py", "import chassis.messaging.events", "the web side"),
        ("notify/model.py", "import flask", "a model knows"),
    ],
)
def test_an_import_that_breaks_a_rule_is_caught(copy: Path, file: str, line: str, rule: str) -> None:
    path = copy / file
    path.write_text(path.read_text() + f"\n{line}\n")
    outcome = lint_imports(copy)
    assert outcome.returncode == 1
    broken = [text for text in outcome.stderr.splitlines() if text.rstrip().endswith("BROKEN")]
    assert any(rule in text for text in broken), outcome.stderr


def rooms_listed(page: str) -> list[list[str]]:
    """Return the rooms that a page maps, floor by floor, the upper floors first."""
    floors: dict[int, list[str]] = {}
    for floor, room in re.findall(r"^\| (\d+) \| `(\w+)` \|", page, re.MULTILINE):
        floors.setdefault(int(floor), []).append(room)
    return [floors[floor] for floor in sorted(floors, reverse=True)]


@pytest.mark.parametrize("service", ["matching", "users"])
def test_map_of_a_service_lists_its_rooms_floor_by_floor(service: str) -> None:
    page = (ROOT / f"services/{service}/README.md").read_text("utf-8")
    [layers] = re.findall(rf"containers =\n    {service}\nlayers =\n(.*?)exhaustive", rules(), re.DOTALL)
    floors = [[room.strip() for room in line.split("|")] for line in layers.strip().splitlines()][2:]
    assert rooms_listed(page) == floors
    assert rooms_listed(page.replace("| 3 | `", "| 3 | `cellar_")) != floors
