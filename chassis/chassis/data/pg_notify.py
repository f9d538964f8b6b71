"""Notifications of PostgreSQL (`LISTEN`, `NOTIFY`). They are hints only: sleepers also look by themselves after a while."""

from collections.abc import Iterator
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
    url = make_url(database_url).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(url, autocommit=True, connect_timeout=5, application_name=f"listen-{channel}") as connection:
        connection.execute(f'LISTEN "{channel}"')
        yield Notifications(connection)
