"""Fixtures that tests of several folders share: the stages of services, and servers to kill, stop and freeze."""

import secrets
import shutil
import sys
from collections.abc import Iterator

import pytest

from chassis.testing.folders import make_folder
from deploy.local.environment import data_folder
from tests.faults.campaign import servers
from tests.faults.scene import HOUSE, Servers
from tests.fuzz.fixtures import signing, stage

__all__ = ["signing", "stage", "victims"]

sys.path.insert(0, str(HOUSE))


@pytest.fixture(scope="session")
def victims() -> Iterator[Servers]:
    """A PostgreSQL that survives kill -9 with its commits, and a RabbitMQ, both apart from other tests' servers."""
    folder = make_folder(data_folder(f"faults-{secrets.token_hex(4)}"))
    with servers(folder, durable=False) as started:
        yield started
    shutil.rmtree(folder, ignore_errors=True)
