"""Readiness of workers and relays: connected to database and broker once since the start, and one log line per failed attempt."""

import logging
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from keeper import SUBSCRIPTIONS, House, Process, soon, unguarded

from chassis.ops.readiness import Readiness
from chassis.testing.postgres import kept_ports

WRONG_PASSWORDS = {"database": "PANTRY_DATABASE_URL", "broker": "BROKER_URL"}
QUEUES = {subscription.queue for subscription in SUBSCRIPTIONS}
Start = Callable[..., tuple[Process, Callable[[str], tuple[int, Any]]]]


@pytest.fixture
def start(house: House, tmp_path: Path) -> Start:
    """`start("worker", …)` starts a role; the function that it returns asks the port of metrics for a path."""

    def started(role: str, otherwise: str | None = None, **environment: str) -> tuple[Process, Callable[[str], tuple[int, Any]]]:
        [port] = kept_ports(tmp_path / role, 1)
        process = house.start(f"chassis.{role}", "pantry", otherwise=otherwise, metrics_port=port, **environment)

        def ask(path: str) -> tuple[int, Any]:
            try:
                answer = httpx.get(f"http://127.0.0.1:{port}{path}", timeout=5, trust_env=False)
            except httpx.TransportError:
                return 0, None
            return answer.status_code, answer.json() if path == "/readyz" else None

        return process, ask

    return started


def with_wrong_password(url: str) -> str:
    user, _, rest = url.partition("://")[2].partition(":")
    return f"{url.partition('://')[0]}://{user}:wrong@{rest.rpartition('@')[2]}"


@pytest.mark.parametrize("role", ["worker", "relay"])
def test_process_is_ready_once_connected_and_stays_so(house: House, start: Start, role: str) -> None:
    process, ask = start(role)
    assert soon(lambda: ask("/readyz") == (200, {"status": "ok"}))
    house.broker.delete_vhost(house.vhost)
    assert soon(lambda: process.says("is interrupted") or process.says("waits for its connections"))
    assert ask("/readyz")[0] == 200
    assert ask("/metrics")[0] == 200
    assert all(entry["reason"].startswith("the broker ") for entry in process.entries() if "reason" in entry)
    house.broker.create_vhost(house.vhost)


@pytest.mark.parametrize("otherwise", [None, unguarded("always_ready", "without the wait, a process is ready with a wrong password")])
@pytest.mark.parametrize(("role", "away"), [("worker", "broker"), ("relay", "database")])
def test_wrong_password_keeps_a_process_unready(house: House, start: Start, role: str, away: str, otherwise: str | None) -> None:
    name = WRONG_PASSWORDS[away]
    process, ask = start(role, otherwise, **{name: with_wrong_password(house.environment[name])})

    def attempts() -> list[dict[str, Any]]:
        return [entry for entry in process.entries() if entry["level"] == "warning"]

    assert soon(lambda: len(attempts()) >= 2)
    status, said = ask("/readyz")
    assert status == 503
    assert said["status"] == "waiting"
    if role == "relay":
        assert said["for"] == ["broker", "database"]
    else:
        assert set(said["for"]) >= ({"database"} if away == "database" else set()) | {max(QUEUES)}
    assert ask("/metrics?name%5B%5D=python_info")[0] == 200
    assert process.lives()
    assert not process.says(" ready")
    where = "the database cannot be used" if away == "database" else "the broker refuses the user, the password"
    assert all(entry["reason"].startswith(where) and "wrong" not in entry["reason"] for entry in attempts())


def test_readiness_names_the_connections_it_waits_for() -> None:
    readiness = Readiness(logging.getLogger(), "clear", "database", "broker")
    readiness.reach("broker")
    assert readiness.waits_for == {"database"}
    readiness.reach("database")
    readiness.reach("database")
    assert not readiness.waits_for


def test_worker_told_to_stop_while_it_waits_ends(house: House, start: Start) -> None:
    process, _ = start("worker", BROKER_URL=with_wrong_password(house.broker_url))
    assert soon(lambda: process.says("waits for its connections"))
    assert process.stop() == 0


def test_taken_metrics_port_ends_a_process_with_one_line(house: House) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        process = house.start("chassis.relay", "pantry", metrics_port=port)
        assert process.ended() == 1
    [line] = process.log.read_text().splitlines()
    assert line.startswith(f"METRICS_PORT is wrong: nothing can listen on port {port} of 127.0.0.1")
