"""Processes that hold streams, on a real database, for tests."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
from sqlalchemy import text
from sqlalchemy.dialects.postgresql import insert

from chassis.data.database import Database
from chassis.http.auth import public_keys
from chassis.testing import forkserver
from chassis.testing.fixtures import KnownKeys, Person
from chassis.testing.streams import Hearer

PATH = "/v1/notices/stream"
NOWHERE = "http://127.0.0.1:9/v1/jwks"


class Stage:
    """The tables of notify, and processes that hold streams."""

    def __init__(self, url: str, keys: KnownKeys, folder: Path) -> None:
        self.url, self.keys, self.folder = url, keys, folder
        self.database = Database(url, name="stage")
        self.processes: dict[str, Any] = {}
        with self.database.begin() as session:
            for table in ("live_changes", "live_horizon", "notices", "messages", "outbox", "appointments", "ended_sessions", "tickets"):
                session.execute(text(f"DELETE FROM {table}"))
            stated = {"source": NOWHERE, "jwks": keys.current().as_dict(private=False)}
            session.execute(insert(public_keys).values(stated).on_conflict_do_update(index_elements=["source"], set_=stated))

    def start(self, port: int, module: str = "notify.stream", **settings: str) -> str:
        """Start a process on a port; return its address once it is ready."""
        address = f"http://127.0.0.1:{port}"
        environment = dict(os.environ) | {"NOTIFY_DATABASE_URL": self.url, "JWKS_URL": NOWHERE, "PORT": str(port), "LOG_LEVEL": "WARNING"}
        self.processes[address] = forkserver.start([module, "notify"], environment | settings, self.folder / f"{port}.log")
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                if httpx.get(f"{address}/readyz", trust_env=False, timeout=5).status_code == 200:
                    return address
            except httpx.HTTPError:
                time.sleep(0.05)
        raise RuntimeError((self.folder / f"{port}.log").read_text()[-3000:])

    def kill(self, address: str) -> None:
        """End a process without warning."""
        process = self.processes.pop(address)
        process.kill()
        process.wait(10)

    def stop(self, address: str) -> None:
        """Stop a process in good order."""
        process = self.processes.pop(address)
        process.terminate()
        process.wait(60)

    def token(self, person: Person, minutes: float = 15) -> dict[str, str]:
        """Return the header with a token of somebody."""
        signed = self.keys.token(person.id, person.kind, person.session_id, minutes, **person.claims)
        return {"Authorization": f"Bearer {signed}"}

    def hear(self, address: str | list[str], person: Person, query: str = "", **options: Any) -> Hearer:
        """Open a stream of somebody."""
        addresses = address if isinstance(address, list) else [address]
        minutes = options.pop("minutes", 15)
        return Hearer(addresses, PATH + query, lambda: self.token(person, minutes), **options)


@contextmanager
def stage_of(database_of: Callable[[str, str], str], keys: KnownKeys, folder: Path, name: str = "notify_streams") -> Iterator[Stage]:
    """Yield a stage with an empty database; end its processes."""
    stage = Stage(database_of("notify", name), keys, folder)
    try:
        yield stage
    finally:
        for address in [*stage.processes]:
            stage.kill(address)
        stage.database.close()


def ids(things: list[Any]) -> list[UUID]:
    """Return the ids of things that were heard."""
    return [UUID(one["id"]) for one in things]
