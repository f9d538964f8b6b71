"""Notifications of PostgreSQL (`LISTEN`, `NOTIFY`). They are hints only: sleepers also look by themselves after a while."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg
from sqlalchemy.engine import make_url


class Notifications:
    """Notifications of one channel, sent when a notifying transaction commits."""

    def __init__(self, connection: psycopg.Connection[tuple[object, ...]]) -> None:
        self._connection = connection

    def wait(self, seconds: float = 1.0) -> None:
        """Wait for a notification, `seconds` at most."""
        for _ in self._connection.notifies(timeout=seconds, stop_after=1):
            pass


@contextmanager
def listen(database_url: str, channel: str) -> Iterator[Notifications]:
    """Listen on a channel over a connection of its own. Raises `psycopg.Error` when the database is unavailable."""
    with psycopg.connect(_plain(database_url), autocommit=True, connect_timeout=5, application_name=f"listen-{channel}") as connection:
        connection.execute(f'LISTEN "{channel}"')
        yield Notifications(connection)


async def wake_on(database_url: str, channel: str, wake: Callable[[], None]) -> None:
    """Call `wake` once it listens, and at each notification of a channel. Raises `psycopg.Error` when the connection is lost."""
    connect = psycopg.AsyncConnection.connect
    async with await connect(_plain(database_url), autocommit=True, connect_timeout=5, application_name=f"listen-{channel}") as connection:
        await connection.execute(f'LISTEN "{channel}"')
        wake()
        async for _ in connection.notifies():
            wake()


def _plain(database_url: str) -> str:
    return make_url(database_url).set(drivername="postgresql").render_as_string(hide_password=False)
