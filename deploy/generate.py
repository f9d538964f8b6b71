"""The generated files that are committed: schemas and examples of events, listeners, documents, contents of images.

Without arguments write them. `--check` names stale files and breaks of the last release. `--release` makes the present contracts the
released ones. What is no break but new to front ends stands in `contracts/released/warnings.txt`, and is printed when it is added there.
"""

import json
import sys
from collections import defaultdict
from collections.abc import Collection, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import msgspec

import contracts
from chassis.messaging.events import handlers_of
from contracts import generate
from contracts.event import name_of
from contracts.items import ShippedItem
from deploy import asyncapi, catalogue, charted, front_end_words, openapi, platform
from deploy.compatibility import RELEASED, Break, breaks
from deploy.images import compose, pins
from deploy.services import services
from deploy.watching import dashboard

LISTENERS = Path(contracts.__file__).resolve().parent / "listeners.json"
REFUSALS = LISTENERS.with_name("refusals.json")
ITEMS = LISTENERS.with_name("items.json")
DOCS = Path(__file__).resolve().parents[1] / "docs"
API = DOCS / "api"
RETIRED = """\
# Contracts removed on purpose since the last release, with reasons; `make release-contracts` empties it. See docs/decisions/0006.
[events]

[operations]
"""
WARNINGS = """\
# Changes since the last release that are no breaks but new to front ends. Generated; `make release-contracts` empties it.
"""
FOLDERS = {generate.HERE / "schemas": "**/*.json", generate.HERE / "examples": "**/*.json", API: "*.json", pins.FOLDER: "*.txt"}


def listeners() -> dict[str, list[str]]:
    """The listening services of each event, read from their workers."""
    found: dict[str, list[str]] = defaultdict(list)
    for name in services():
        for handler in handlers_of(import_module(f"{name}.worker").Worker):
            found[name_of(handler.subscription.event)].append(name)
    return {event: sorted(names) for event, names in sorted(found.items())}


def refusals() -> dict[str, str]:
    """The reasons why services refuse events that are told again, read from their workers."""
    found = {name: import_module(f"{name}.worker").Worker.refuses_retelling for name in sorted(services())}
    return {name: reason for name, reason in found.items() if reason}


def items() -> list[ShippedItem]:
    """The items and groups of the catalogue of needs."""
    shipped = import_module("needs.catalogue").catalogue().values()
    return [ShippedItem(*(getattr(item, name) for name in ShippedItem.__struct_fields__)) for item in shipped]


def documents(heard: dict[str, list[str]]) -> dict[str, dict[str, Any]]:
    """The documents for machines, by the names of their files in docs/api."""
    of_services = {name: openapi.document_of(name) for name, service in services().items() if service.answers}
    return {f"{name}.openapi.json": document for name, document in of_services.items()} | {
        "openapi.json": openapi.merge_documents(of_services),
        "asyncapi.json": asyncapi.build_document(heard),
    }


def wanted() -> dict[Path, str]:
    """The contents of every generated file."""
    heard = listeners()
    made = documents(heard)
    for_machines = {API / name: _text(document) for name, document in made.items()}
    shipped = items()
    for_front_ends = {RELEASED / "warnings.txt": warnings(breaks(made)), front_end_words.FILE: front_end_words.render_words(shipped)}
    for_front_ends |= {front_end_words.LABELS: front_end_words.render_labels(made["openapi.json"])}
    for_front_ends |= {front_end_words.PROBLEMS: front_end_words.render_problems(made["openapi.json"])}
    for_people = {DOCS / "events.md": catalogue.render_page(heard)}
    for_the_chart = {charted.FILE: _text(charted.services_of_chart()), dashboard.FILE: _text(dashboard.dashboard())}
    for_images = pins.render_files() | {compose.FILE: compose.render_compose()}
    for_readers = for_machines | for_people | for_front_ends
    for_programs = {LISTENERS: _text(heard), REFUSALS: _text(refusals()), ITEMS: _lines(shipped)}
    return generate.files() | for_programs | for_readers | for_the_chart | platform.render_files() | for_images


def _lines(things: Sequence[Any]) -> str:
    """Write a JSON list with one thing on each line."""
    return "[\n" + ",\n".join(msgspec.json.encode(thing).decode() for thing in things) + "\n]\n"


def warnings(found: list[Break]) -> str:
    """The text of `warnings.txt`: one line for each change that is no break."""
    return WARNINGS + "".join(f"{line}\n" for line in sorted({str(one) for one in found if not one.grave}))


def stale(wanted: dict[Path, str], folders: dict[Path, str] = FOLDERS) -> list[Path]:
    """List committed files that are missing, differ from `wanted`, or lie in one of the folders without being wanted."""
    standing = {path for folder, pattern in folders.items() for path in folder.glob(pattern)}
    return sorted((standing - wanted.keys()) | {path for path, text in wanted.items() if not path.exists() or path.read_text() != text})


def write(wanted: dict[Path, str], folders: dict[Path, str] = FOLDERS) -> None:
    """Bring the committed files up to date, remove folders that become empty, and print each new warning."""
    for path in stale(wanted, folders):
        if path in wanted:
            if path.name == "warnings.txt":
                _print_new_lines(path, wanted[path])
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(wanted[path])
        else:
            path.unlink()
            _remove_emptied(path.parent, folders)


def check(wanted: dict[Path, str], released: Path = RELEASED) -> None:
    """Exit when a file is stale or a change breaks a reader of the last release; print nothing otherwise."""
    if found := stale(wanted):
        sys.exit("Run `make generate` and commit: " + ", ".join(map(str, found)))
    present = {name: json.loads(wanted[API / name]) for name in ("asyncapi.json", "openapi.json")}
    broken = [one for one in breaks(present, released) if one.grave]
    for one in broken:
        print(one, file=sys.stderr)
    if broken:
        sys.exit("This breaks what was released; docs/decisions/0006 says how to make an intended break.")


def release(wanted: dict[Path, str], released: Path = RELEASED) -> None:
    """Make the present contracts the released ones, unless they break the last ones; empty the lists of removals and warnings."""
    if released.exists():
        check(wanted, released)
    released.mkdir(exist_ok=True)
    for name in ("asyncapi.json", "openapi.json"):
        (released / name).write_text(wanted[API / name])
    (released / "retired.toml").write_text(RETIRED)
    (released / "warnings.txt").write_text(WARNINGS)


def main() -> None:
    files = wanted()
    {"--check": check, "--release": release}.get(" ".join(sys.argv[1:]), write)(files)


def _print_new_lines(path: Path, text: str) -> None:
    known = path.read_text().splitlines() if path.exists() else []
    for line in text.splitlines():
        if line not in known:
            print(line)


def _remove_emptied(folder: Path, roots: Collection[Path]) -> None:
    """Remove a folder that holds nothing any more, and those around it, up to one of the roots."""
    while folder not in roots and not any(folder.iterdir()):
        folder.rmdir()
        folder = folder.parent


def _text(content: Any) -> str:
    return json.dumps(content, ensure_ascii=False, indent=2) + "\n"


if __name__ == "__main__":
    main()
