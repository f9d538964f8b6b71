"""Writes what is generated and committed: schemas and examples of the events, who listens to what. `--check` only says what is stale."""

import json
import sys
from collections import defaultdict
from importlib import import_module
from pathlib import Path

import contracts
from chassis.events import handlers_of
from contracts import generate
from contracts.event import name_of
from deploy.services import services

LISTENERS = Path(contracts.__file__).parent / "listeners.json"


def listeners() -> str:
    """Which services listen to which event, read from their workers."""
    found: dict[str, list[str]] = defaultdict(list)
    for name in services():
        for handler in handlers_of(import_module(f"{name}.worker").Worker):
            found[name_of(handler.place.event)].append(name)
    return json.dumps({event: sorted(names) for event, names in sorted(found.items())}, indent=2) + "\n"


def stale() -> list[Path]:
    """The committed files that differ from what the code says."""
    return [*generate.stale(), *([LISTENERS] if LISTENERS.read_text() != listeners() else [])]


def main() -> None:
    if "--check" not in sys.argv:
        generate.write()
        LISTENERS.write_text(listeners())
    elif found := stale():
        sys.exit("Run `make generate` and commit: " + ", ".join(map(str, found)))


if __name__ == "__main__":
    main()
