"""The pins of each service's image: the part of the lock that this one service needs.

Hashes stay in `requirements.txt`, where the installation of an image looks them up.
"""

from collections.abc import Iterator
from importlib.metadata import distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from deploy.services import services

ROOT = Path(__file__).resolve().parents[2]
FOLDER = Path(__file__).resolve().parent / "requirements"
OWN = "duijie-"
EXTRAS = ["duijie-chassis[tracing]"]
PYTHONS = ["3.11.0", "3.11.99"]
"""Every Python 3.11 that an image may be built on, whatever this one is: a package may need another by older ones alone."""
HEADING = "# Pins that {service} and what it stands on need, of those in requirements.txt; made by `make generate`.\n"


def pins() -> dict[str, str]:
    """Read the lock's pins by name: `{"alembic": "1.20.1", …}`."""
    lines = (ROOT / "requirements.txt").read_text("utf-8").splitlines()
    pinned = (line.split()[0].partition("==") for line in lines if line[:1].isalnum())
    return {canonicalize_name(name): version for name, _, version in pinned}


def needed(service: str) -> dict[str, str]:
    """Return name and version of every package a service needs, without our own.

    Raises `LookupError` for a package that the lock does not pin, or pins in another version than installed.
    """
    locked = pins()
    found = {name: distribution(name).version for name in sorted(_closure(service)) if not name.startswith(OWN)}
    if strays := [name for name, version in found.items() if locked.get(name) != version]:
        raise LookupError(f"{service}: not as requirements.txt pins it: {', '.join(strays)}; run `make install`")
    return found


def _closure(service: str) -> set[str]:
    """Return all packages that a service's own package requires, directly or not, extras included."""
    waiting, seen = [Requirement(one) for one in [f"{OWN}{service}", *EXTRAS]], set[tuple[str, str]]()
    while waiting:
        one = waiting.pop()
        for extra in ["", *sorted(one.extras)]:
            if (here := (canonicalize_name(one.name), extra)) not in seen:
                seen.add(here)
                waiting += _required(*here)
    return {name for name, _ in seen}


def _required(name: str, extra: str) -> Iterator[Requirement]:
    for line in distribution(name).requires or []:
        requirement = Requirement(line)
        worlds = [{"extra": extra, "python_full_version": version} for version in PYTHONS]
        if requirement.marker is None or any(map(requirement.marker.evaluate, worlds)):
            yield requirement


def render_files() -> dict[Path, str]:
    """Render the list of every service."""
    return {
        FOLDER / f"{name}.txt": HEADING.format(service=name) + "".join(f"{one}=={version}\n" for one, version in needed(name).items())
        for name in services()
    }
