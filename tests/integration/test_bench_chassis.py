"""The bench of the chassis runs and prints its figures; speed is not judged here."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from chassis.testing.campaigns import only_whole

ROOT = Path(__file__).resolve().parents[2]


@only_whole
@pytest.mark.timeout(600)
def test_chassis_bench_prints_peers_and_fails_on_a_broken_ratio() -> None:
    parts = ["relay", "handling", "posts", "fronts"]
    options = ("--only", *parts, "--events", "300", "--rounds", "1", "--seconds", "0.5", "--needs", "0")
    command = [sys.executable, "-W", "ignore", "-m", "bench.chassis", *options]
    outcome = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    lines = [json.loads(line) for line in outcome.stdout.splitlines()]
    assert len(lines) == 10, outcome.stderr[-3000:]
    assert all(line["value"] > 0 and line["peer"] > 0 and line["ratio"] > 0 for line in lines)
    too_low = [line["figure"] for line in lines if line["at_least"] and line["ratio"] < line["at_least"]]
    assert outcome.returncode == (1 if too_low else 0)
    assert all(figure in outcome.stderr for figure in too_low)
