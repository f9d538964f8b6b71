"""Reads the list of services that everything else is made from."""

import tomllib
from functools import cache
from importlib.resources import files
from itertools import pairwise

import msgspec


class Service(msgspec.Struct, frozen=True, kw_only=True):
    """One service: the paths it answers, its roles and their modules, its port on a laptop."""

    name: str
    port: int
    paths: list[str]
    roles: dict[str, str]

    def owns(self, path: str) -> bool:
        return any(path == own or path.startswith(own + "/") for own in self.paths) or path == f"/openapi/{self.name}.json"


@cache
def services() -> dict[str, Service]:
    """All services by name. Raises `ValueError` when a path has two owners."""
    read = tomllib.loads(files("deploy").joinpath("services.toml").read_text("utf-8"))
    found = {name: msgspec.convert({"name": name} | block, Service) for name, block in read.items()}
    owned = sorted((path, one.name) for one in found.values() for path in one.paths)
    for (path, owner), (next_path, next_owner) in pairwise(owned):
        if owner != next_owner and (next_path + "/").startswith(path + "/"):
            raise ValueError(f"{next_path} is answered by {owner} and by {next_owner}")
    return found


def owner_of(path: str) -> Service | None:
    """The service that answers a path; None when nobody does."""
    return next((service for service in services().values() if service.owns(path)), None)
