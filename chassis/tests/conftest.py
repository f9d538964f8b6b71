"""A house with one service in it, the pantry, for the tests of the chassis."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from chassis.testing.postgres import Postgres
from chassis.testing.rabbitmq import RabbitMQ

sys.path.insert(0, str(Path(__file__).parent / "house"))

if TYPE_CHECKING:
    from keeper import House


@pytest.fixture
def house(postgres: Postgres, rabbitmq: RabbitMQ, database_of: Callable[[str, str], str], tmp_path: Path) -> "Iterator[House]":
    """The pantry's database, virtual host and queues, fresh; its processes end with the test."""
    from keeper import open_house

    with open_house(postgres, database_of("pantry", f"pantry_{uuid4().hex[:8]}"), rabbitmq, tmp_path) as opened:
        yield opened
