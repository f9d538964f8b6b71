"""The main job on real input: a gift and five requests; in a campaign each twentieth request and gift. `make getusppe` plays all."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from chassis.testing.campaigns import WHOLE

ROOT = Path(__file__).resolve().parents[2]
EACH = 20
REQUESTS, GIFTS = (1_561, 83) if WHOLE else (5, 1)


@pytest.mark.timeout(3000)
def test_getusppe_passes_and_leaves_nothing_matchable(request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]) -> None:
    stack = None if WHOLE else request.getfixturevalue("stacked").folder
    part = ["--limit", str(REQUESTS), "--stack", str(stack)] if stack else ["--each", str(EACH)]
    command = [sys.executable, "-W", "ignore", "-m", "bench.getusppe", *part]
    outcome = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert outcome.returncode == 0, outcome.stderr[-3000:] + ((stack / "said").read_text()[-3000:] if stack else "")
    counted = json.loads(outcome.stdout)
    with capsys.disabled():
        print(f"\n{outcome.stdout}", end="")
    assert counted["needs"] + counted["pledges"] + counted["refused"] == REQUESTS + GIFTS
    assert counted["needs_helped"] > 0
    assert counted["notices"] >= 2 * counted["matches"]
    assert [counted[name] for name in ("matchable_left", "over_allocated", "dead")] == [0, 0, 0]
