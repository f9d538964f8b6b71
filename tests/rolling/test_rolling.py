"""Replacing roles under requests and events fails no request, loses no event and repeats none."""

import json
from pathlib import Path

import pytest
from rich.console import Console
from rich.progress import Progress

from chassis.testing.campaigns import WHOLE, only_whole
from tests.faults.scene import Servers, scene
from tests.rolling.campaign import Plan, run

FEW = ("users-web", "needs-web", "needs-relay", "witness-worker")
REPLACED = ("needs-web", "witness-worker")


def counted(servers: Servers, folder: Path, plan: Plan) -> dict[str, int]:
    with scene(*servers, plan.services, (), folder) as opened, Progress(console=Console(stderr=True)) as progress:
        return run(opened, plan, progress)


@pytest.mark.timeout(3600 if WHOLE else 300)
def test_nobody_notices_that_every_role_is_replaced_under_load(
    victims: Servers, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    twice = Plan(times=2, rate=60, events=4_000, drain_seconds=6, together=3)
    plan = twice if WHOLE else Plan(FEW, REPLACED, times=1, rate=15, events=120, together=2, is_forked=True)
    came_to = counted(victims, tmp_path, plan)
    with capsys.disabled():
        print(f"\n{json.dumps(came_to)}")
    assert came_to.pop("requests") > 50
    assert came_to.pop("events") >= plan.events
    assert came_to == {"failed": 0, "restarts": len(plan.replaced) * plan.times, "lost": 0, "twice": 0}


@only_whole
@pytest.mark.xfail(strict=True, raises=AssertionError, reason="without draining, requests still routed here are refused")
def test_replacing_a_web_process_without_draining_goes_unnoticed(victims: Servers, tmp_path: Path) -> None:
    plan = Plan(("users-web", "needs-web", "needs-relay", "witness-worker"), ("needs-web",), times=1, rate=15, events=20, drain_seconds=0)
    assert counted(victims, tmp_path, plan)["failed"] == 0
