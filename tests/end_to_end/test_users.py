"""The bench of users runs on a stack and prints its figures; speed is not judged here."""

import json

import pytest

from bench import users as bench

from .conftest import World


def test_bench_of_users_prints_peers_and_remembers_a_broken_ratio(stacked: World, capsys: pytest.CaptureFixture[str]) -> None:
    phones = bench.people(stacked.folder, bench.SIGNING_IN + 1, stacked.environment)
    users = bench.Users(stacked.origin("/v1/me"), stacked.telephones, phones)
    bench.broken.clear()
    bench.me_during_sign_ins(users, rounds=1, seconds=0.5)
    bench.token_beside_none(users, rounds=1, seconds=0.5)
    bench.codes(users, 3)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len(lines) == 5
    assert all(line["value"] > 0 for line in lines)
    judged = [line for line in lines if "ratio" in line]
    assert [line["figure"] for line in judged if not line.get("at_least", 0) <= line["ratio"] <= line.get("at_most", 1e9)] == bench.broken
