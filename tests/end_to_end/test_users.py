"""The bench of users runs on a stack and prints its figures; `make bench-users` alone judges speed."""

import json
from typing import Any

import pytest

from bench import users as bench
from chassis.testing.campaigns import only_whole

from .conftest import World


@pytest.fixture(autouse=True)
def nothing_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "broken", [])


def printed(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


@only_whole
def test_bench_of_users_prints_figures_beside_peers(stacked: World, capsys: pytest.CaptureFixture[str]) -> None:
    phones = bench.people(stacked.folder, bench.SIGNING_IN + 1, stacked.environment)
    users = bench.Users(stacked.origin("/v1/me"), stacked.telephones, phones)
    bench.me_during_sign_ins(users, rounds=1, seconds=0.5)
    bench.token_beside_none(users, rounds=1, seconds=0.5)
    bench.codes(users, 3)
    lines = printed(capsys)
    assert all(line["value"] > 0 for line in lines)
    assert [line.keys() & {"peer", "at_most", "at_least"} for line in lines] == [
        {"peer", "at_most"},
        set(),
        {"peer", "at_least"},
        {"peer", "at_least"},
        set(),
        set(),
    ]
    # Whether a ratio holds depends on how busy the machine is; that no other figure is called broken does not.
    assert set(bench.broken) <= {line["figure"] for line in lines if "ratio" in line}


@pytest.mark.parametrize(("peers", "broken"), [([2.0, 2.0, 1.0], []), ([2.0, 1.0, 1.0], ["a figure"])])
def test_bench_of_users_remembers_a_broken_ratio(peers: list[float], broken: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """The median of the rounds' ratios is judged, so one slow round breaks nothing."""
    bench.judge("a figure", "ms", [4.0, 4.0, 4.0], peers, lambda ratio: ratio <= 3, at_most=3)
    [line] = printed(capsys)
    assert line == {"figure": "a figure", "value": 4.0, "unit": "ms", "peer": sorted(peers)[1], "ratio": 4 / sorted(peers)[1], "at_most": 3}
    assert bench.broken == broken
