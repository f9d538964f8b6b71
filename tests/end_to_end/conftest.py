"""The worlds of the main story: the embedded house, the stack, and the stack of built images."""

import os
import random
import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from bench.getusppe import HURRIED
from chassis.testing.folders import is_free, kept_ports
from deploy.images import engine
from deploy.images.engine import contained
from deploy.local import running
from deploy.local.client import ApiClient, Origin, by_service, one_origin, telephones_at
from deploy.local.collector import Collector, collector
from deploy.local.environment import data_folder
from deploy.local.house import environment_of
from deploy.local.stack import FIRST_METRICS_PORT
from deploy.services import services


@dataclass
class World:
    """A running house or stack, with its operators' commands."""

    origin: Origin
    environment: dict[str, str]
    folder: Path
    metrics: dict[str, str] = field(default_factory=dict)
    broker_metrics: str = ""
    telephones: str = ""
    is_imaged: bool = False
    above: dict[str, ApiClient] = field(default_factory=dict)
    """Administrators of a city and a township, appointed for the first story here."""

    def client(self) -> ApiClient:
        return ApiClient(self.origin)

    def registered(self, **wanted: Any) -> ApiClient:
        """Register somebody by the code that arrives at their phone."""
        return self.client().register(telephones_at(self.telephones), **wanted)

    def command(self, *words: str) -> str:
        """Run a command as an operator would and return its output."""
        command = [sys.executable, "-W", "ignore", "-m", *words]
        if self.is_imaged:
            passed = {name for name, value in self.environment.items() if os.environ.get(name) != value}
            command = contained(words[0].partition(".")[0], *words, passed=passed, files={self.folder: self.folder})
        return subprocess.run(command, env=self.environment, check=True, capture_output=True, text=True).stdout


def free_ports() -> str:
    """Find a port offset at which all ports of a stack are free."""
    ports = [*(service.port for service in services().values() if service.port), *range(FIRST_METRICS_PORT, FIRST_METRICS_PORT + 40)]
    return str(next(offset for offset in random.sample(range(500, 6000, 50), 100) if all(is_free(port + offset) for port in ports)))


# Worlds end with the last test of this package: while idle they would slow down all other tests.
@pytest.fixture(scope="package")
def embedded() -> Iterator[World]:
    folder = data_folder(f"house-{secrets.token_hex(4)}")
    folder.mkdir(parents=True, exist_ok=True)
    [port] = kept_ports(folder / "port", 1)
    with running.house(folder, port, "--not-durable") as address:
        yield World(one_origin(address), environment_of(folder, address), folder, telephones=address)
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="package")
def collected() -> Iterator[Collector]:
    """The spans of the stack's processes."""
    with collector() as spans:
        yield spans


@pytest.fixture(scope="package")
def stacked(collected: Collector) -> Iterator[World]:
    folder = data_folder(f"stack-{secrets.token_hex(4)}")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collected.address)
        patch.setenv("OTEL_BSP_SCHEDULE_DELAY", "500")
        patch.setenv("DRAIN_SECONDS", "0")
        for name, value in HURRIED.items():
            patch.setenv(name, value)
        with running.stack(folder, "--port-offset", free_ports(), "--not-durable", "--watched") as stated:
            measured = stated["metrics"], stated["broker_metrics"]
            yield World(by_service(stated["addresses"]), os.environ | stated["environment"], folder, *measured, stated["telephones"])
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="package")
def imaged() -> Iterator[World]:
    folder = data_folder(f"images-{secrets.token_hex(4)}")
    with running.stack(folder, "--port-offset", free_ports(), "--not-durable", "--images") as stated:
        environment = os.environ | engine.ways() | stated["environment"]
        yield World(
            by_service(stated["addresses"]), environment, folder, stated["metrics"], telephones=stated["telephones"], is_imaged=True
        )
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(params=["embedded", "stacked", pytest.param("imaged", marks=[pytest.mark.images, pytest.mark.timeout(600)])])
def world(request: pytest.FixtureRequest) -> World:
    found: World = request.getfixturevalue(request.param)
    return found
