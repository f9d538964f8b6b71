"""Servers of the faults' own: other tests' servers are not to die."""

import os
import secrets
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from chassis.testing import postgres, rabbitmq
from tests.faults.campaign import servers
from tests.faults.scene import HOUSE

sys.path.insert(0, str(HOUSE))

Servers = tuple[postgres.Postgres, rabbitmq.RabbitMQ]


@pytest.fixture(scope="session")
def victims() -> Iterator[Servers]:
    base = Path("/var/lib/duijie") if os.geteuid() == 0 else Path("var").resolve()
    folder = postgres.make_folder(base / f"faults-{secrets.token_hex(4)}")
    with servers(folder) as started:
        yield started
    shutil.rmtree(folder, ignore_errors=True)
