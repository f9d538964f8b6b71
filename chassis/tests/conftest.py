"""A house with one service in it, the pantry, for the tests of the chassis."""

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import httpx
import pytest

from chassis.testing.postgres import Postgres, kept_ports
from chassis.testing.rabbitmq import RabbitMQ
from chassis.testing.twins import Unusable

sys.path.insert(0, str(Path(__file__).parent / "house"))

if TYPE_CHECKING:
    from issuer import Users
    from keeper import House, Serve


@pytest.fixture
def house(postgres: Postgres, rabbitmq: RabbitMQ, database_of: Callable[[str, str], str], tmp_path: Path) -> "Iterator[House]":
    """The pantry's database, virtual host and queues, fresh; its processes end with the test."""
    from keeper import open_house

    with open_house(
        postgres, database_of("pantry", f"pantry_{uuid4().hex[:8]}"), rabbitmq, tmp_path, forks="CAMPAIGN" not in os.environ
    ) as opened:
        yield opened


@pytest.fixture
def users() -> "Iterator[Users]":
    from issuer import Users

    users = Users()
    yield users
    users.leave()


@pytest.fixture
def serve(house: "House", users: "Users", tmp_path: Path) -> "Serve":
    from keeper import Process, soon

    def start(**settings: object) -> tuple[Process, httpx.Client]:
        [port] = kept_ports(tmp_path / "ports", 1)
        process = house.start("chassis.http", "pantry", port=port, jwks_url=users.url, **settings)
        signed = {"Authorization": f"Bearer {users.token()}"}
        client = httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, headers=signed, timeout=60)

        def answers() -> bool:
            try:
                return client.get("/livez").status_code == 200
            except httpx.TransportError:
                return False

        if not soon(lambda: answers() or not process.lives()) or not process.lives():
            raise Unusable(process.log.read_text()[-2000:])
        return process, client

    return start
