"""The main job on real input, a tenth of it unless the campaign is wanted whole."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
REQUESTS, GIFTS = 31_202, 1_658
WHOLE = "CAMPAIGN" in os.environ


@pytest.mark.timeout(3000)
def test_every_request_and_gift_of_getusppe_goes_through_and_nothing_matchable_is_left(capsys: pytest.CaptureFixture[str]) -> None:
    command = [sys.executable, "-W", "ignore", "-m", "bench.getusppe", *([] if WHOLE else ["--limit", str(REQUESTS // 10)])]
    outcome = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert outcome.returncode == 0, outcome.stderr[-3000:]
    counted = json.loads(outcome.stdout)
    with capsys.disabled():
        print(f"\n{outcome.stdout}", end="")
    gifts = GIFTS if WHOLE else 1
    requests = REQUESTS if WHOLE else REQUESTS // 10
    assert counted["needs"] + counted["pledges"] + counted["refused"] == requests + gifts
    assert counted["needs_helped"] > 0
    assert counted["notices"] >= 2 * counted["matches"]
    assert [counted[name] for name in ("matchable_left", "over_allocated", "dead")] == [0, 0, 0]
