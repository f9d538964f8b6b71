"""Being woken by PostgreSQL when there is something to do; only a hint, so whoever sleeps looks again by itself after a while."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from sqlalchemy.engine import make_url


class Notifications:
    """Rings when a transaction that notified the channel commits."""

    def __init__(self, connection: psycopg.Connection[tuple[object, ...]]) -> None:
        self._connection = connection

    def wait(self, seconds: float = 1.0) -> None:
        for _ in self._connection.notifies(timeout=seconds, stop_after=1):
            pass


@contextmanager
def listen(database_url: str, channel: str) -> Iterator[Notifications]:
    """Listen on a channel over a connection of its own. Raises `psycopg.Error` when the database is away."""
    url = make_url(database_url).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(url, autocommit=True, connect_timeout=5, application_name=f"listen-{channel}") as connection:
        connection.execute(f'LISTEN "{channel}"')
        yield Notifications(connection)
