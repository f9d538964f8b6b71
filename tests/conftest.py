"""Servers that tests of several folders may kill, stop and freeze."""

import secrets
import shutil
import sys
from collections.abc import Iterator

import pytest

from chassis.testing.postgres import make_folder
from deploy.local.environment import data_folder
from tests.faults.campaign import servers
from tests.faults.scene import HOUSE, Servers

sys.path.insert(0, str(HOUSE))


@pytest.fixture(scope="session")
def victims() -> Iterator[Servers]:
    """A PostgreSQL that keeps what it confirmed when it is killed, and a RabbitMQ; other tests use others."""
    folder = make_folder(data_folder(f"faults-{secrets.token_hex(4)}"))
    with servers(folder, durable=False) as started:
        yield started
    shutil.rmtree(folder, ignore_errors=True)
