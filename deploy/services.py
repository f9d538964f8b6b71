"""The list of services, from which everything else is made."""

import tomllib
from collections import Counter
from functools import cache
from importlib.resources import files
from itertools import permutations
from pathlib import Path

import msgspec

STREAM = "stream"
"""The role that holds answers open."""


class Service(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One service: its paths, its port on a laptop, its roles, commands and secret settings.

    `streams` are those of its paths that the role `stream` answers, on `stream_port` on a laptop.
    `doors` are paths for other services alone; `role_secrets` are settings that one role alone gets. `personal_keys`
    tells that it keeps a key for each person, in a second database.
    """

    name: str
    roles: dict[str, str]
    port: int | None = None
    streams: list[str] = []
    stream_port: int | None = None
    paths: list[str] = []
    doors: list[str] = []
    commands: list[str] = []
    secrets: list[str] = []
    role_secrets: dict[str, list[str]] = {}
    personal_keys: bool = False

    @property
    def answers(self) -> bool:
        return "web" in self.roles

    @property
    def jobs(self) -> list[str]:
        """Modules of the service's own roles but `stream`; each has `run(settings, stopping)`."""
        return [module for role, module in self.roles.items() if module.startswith(f"{self.name}.") and role != STREAM]

    @property
    def job_modules(self) -> list[str]:
        """Names of the modules of the service's own roles, inside the service."""
        return [module.removeprefix(f"{self.name}.") for module in self.roles.values() if module.startswith(f"{self.name}.")]

    @property
    def under(self) -> list[str]:
        """Path prefixes it answers: its own paths, its dead letters and its audit log unless one of these contains them."""
        own = [] if f"/v1/{self.name}" in self.paths else [f"/v1/{self.name}/{what}" for what in ("dead-letters", "audit")]
        return [*self.paths, *own] if self.answers else []

    @property
    def document(self) -> str:
        return f"/openapi/{self.name}.json"

    def owns(self, path: str) -> bool:
        return any(path == own or path.startswith(own + "/") for own in self.under) or (self.answers and path == self.document)


@cache
def services() -> dict[str, Service]:
    """Return all services by name. Raises `ValueError` when a path or a port has two owners, or a web role has none."""
    read = tomllib.loads(files("deploy").joinpath("services.toml").read_text("utf-8"))
    found = {name: msgspec.convert({"name": name} | block, Service) for name, block in read.items()}
    for one in found.values():
        if not one.role_secrets.keys() <= one.roles.keys():
            raise ValueError(f"{one.name}: `role_secrets` names a role that it does not have")
        if one.answers != bool(one.paths) or one.answers != bool(one.port):
            raise ValueError(f"{one.name}: a `web` role, `paths` and `port` go together")
        if (STREAM in one.roles) != bool(one.streams) or bool(one.streams) != bool(one.stream_port):
            raise ValueError(f"{one.name}: a `stream` role, `streams` and `stream_port` go together")
    owned = sorted((path, one.name) for one in found.values() for path in one.paths)
    for (path, owner), (wider, other) in permutations(owned, 2):
        if owner != other and (path + "/").startswith(wider + "/"):
            raise ValueError(f"{path} is answered by {other} and by {owner}")
    ports = Counter(port for one in found.values() for port in (one.port, one.stream_port) if port)
    if taken := sorted(port for port, owners in ports.items() if owners > 1):
        raise ValueError(f"port {taken[0]} belongs to two services")
    return found


def unlisted(folder: Path) -> set[str]:
    """Return the names that are only in `folder` or only in the list."""
    return {path.parent.name for path in folder.glob("*/pyproject.toml")} ^ set(services())


def owner_of(path: str) -> Service | None:
    """Return the service that answers a path, None when none does."""
    return next((service for service in services().values() if service.owns(path)), None)


def door_of(path: str) -> Service | None:
    """Return the service with the door that a path leads to, None when it leads to none."""
    return next((service for service in services().values() if any(path.startswith(f"{door}/") for door in service.doors)), None)
