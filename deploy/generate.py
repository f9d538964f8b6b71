"""Writes what is generated and committed: schemas and examples of events, who listens to what, documents, what images hold.

`--check` says what is stale, and what breaks whoever relies on the last release; `--release` makes the present contracts the released ones.
"""

import json
import sys
from collections import defaultdict
from importlib import import_module
from pathlib import Path
from typing import Any

import contracts
from chassis.messaging.events import handlers_of
from contracts import generate
from contracts.event import name_of
from deploy import asyncapi, catalogue, charted, openapi, platform
from deploy.compatibility import RELEASED, breaks
from deploy.images import compose, pins
from deploy.services import services
from deploy.watching import dashboard

LISTENERS = Path(contracts.__file__).resolve().parent / "listeners.json"
DOCS = Path(__file__).resolve().parents[1] / "docs"
API = DOCS / "api"
RETIRED = """\
# What is gone since the last release on purpose, and why; `make release-contracts` empties it. docs/decisions/0006 says when that is right.
[events]

[operations]
"""
FOLDERS = {generate.HERE / "schemas": "**/*.json", generate.HERE / "examples": "**/*.json", API: "*.json", pins.FOLDER: "*.txt"}


def listeners() -> dict[str, list[str]]:
    """Which services listen to which event, read from their workers."""
    found: dict[str, list[str]] = defaultdict(list)
    for name in services():
        for handler in handlers_of(import_module(f"{name}.worker").Worker):
            found[name_of(handler.subscription.event)].append(name)
    return {event: sorted(names) for event, names in sorted(found.items())}


def documents(heard: dict[str, list[str]]) -> dict[str, dict[str, Any]]:
    """The documents for machines, by the names of their files in docs/api."""
    of_services = {name: openapi.document_of(name) for name, service in services().items() if service.answers}
    return {f"{name}.openapi.json": document for name, document in of_services.items()} | {
        "openapi.json": openapi.merged(of_services),
        "asyncapi.json": asyncapi.document(heard),
    }


def wanted() -> dict[Path, str]:
    """What ought to stand in every generated file."""
    heard = listeners()
    for_machines = {API / name: _text(document) for name, document in documents(heard).items()}
    for_people = {DOCS / "events.md": catalogue.page(heard)}
    for_the_chart = {charted.FILE: _text(charted.services_of_chart()), dashboard.FILE: _text(dashboard.dashboard())}
    for_images = pins.files() | {compose.FILE: compose.page()}
    return generate.files() | {LISTENERS: _text(heard)} | for_machines | for_people | for_the_chart | platform.files() | for_images


def stale(wanted: dict[Path, str]) -> list[Path]:
    """The committed files that differ from what the code says, are missing, or belong to nothing any more."""
    standing = {path for folder, pattern in FOLDERS.items() for path in folder.glob(pattern)}
    return sorted((standing - wanted.keys()) | {path for path, text in wanted.items() if not path.exists() or path.read_text() != text})


def write(wanted: dict[Path, str]) -> None:
    """Bring the committed files up to date."""
    for path in stale(wanted):
        if path in wanted:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(wanted[path])
        else:
            path.unlink()


def check(wanted: dict[Path, str], released: Path = RELEASED) -> None:
    """Exit saying what is stale or breaks somebody; warn of what readers are to bear."""
    if found := stale(wanted):
        sys.exit("Run `make generate` and commit: " + ", ".join(map(str, found)))
    broken = breaks({name: json.loads(wanted[API / name]) for name in ("asyncapi.json", "openapi.json")}, released)
    for one in broken:
        print(one, file=sys.stderr)
    if any(one.grave for one in broken):
        sys.exit("This breaks what was released; docs/decisions/0006 says how a break is made that is wanted.")


def release(wanted: dict[Path, str], released: Path = RELEASED) -> None:
    """Make the present contracts those that later ones are held against, unless they break the last ones; what was retired is over."""
    if released.exists():
        check(wanted, released)
    released.mkdir(exist_ok=True)
    for name in ("asyncapi.json", "openapi.json"):
        (released / name).write_text(wanted[API / name])
    (released / "retired.toml").write_text(RETIRED)


def main() -> None:
    files = wanted()
    {"--check": check, "--release": release}.get(" ".join(sys.argv[1:]), write)(files)


def _text(content: Any) -> str:
    return json.dumps(content, ensure_ascii=False, indent=2) + "\n"


if __name__ == "__main__":
    main()
