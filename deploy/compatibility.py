"""The comparison of the contracts with those last released: each change that breaks a reader, and the readers."""

import json
import tomllib
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import contracts
from deploy.schemas import Change, Comparison

RELEASED = Path(contracts.__file__).resolve().parents[1] / "released"
OUTSIDE = ("listeners outside the house",)
Document = dict[str, Any]


@dataclass(frozen=True)
class Break:
    """One change and its readers: listening services, or operations that front ends call. One that is not `grave` is a warning."""

    where: str
    what: str
    readers: tuple[str, ...]
    grave: bool = True

    def __str__(self) -> str:
        return f"{self.where} {self.what}: {'breaks' if self.grave else 'is new to'} {', '.join(self.readers)}"


def breaks(documents: dict[str, Document], folder: Path = RELEASED) -> list[Break]:
    """List changes of `documents` (`asyncapi.json` and `openapi.json`) that readers of those released in `folder` may notice.

    What `retired.toml` names with a reason may be gone. Raises `ValueError` for a name there that was not released.
    """
    events, http = (json.loads((folder / name).read_text()) for name in ("asyncapi.json", "openapi.json"))
    retired = tomllib.loads((folder / "retired.toml").read_text())
    names = events["channels"].keys() | {operation["operationId"] for operation in _operations(http).values()}
    if strangers := {*retired["events"], *retired["operations"]} - names:
        raise ValueError(f"retired.toml names what the last release did not hold: {', '.join(sorted(strangers))}")
    return [
        *of_events(events, documents["asyncapi.json"], retired["events"]),
        *_together(of_http(http, documents["openapi.json"], retired["operations"])),
    ]


def of_events(old: Document, new: Document, retired: Collection[str] = ()) -> Iterator[Break]:
    """Compare events: old listeners read new events, and new listeners read replayed journals of the last 90 days."""
    for name, channel in old["channels"].items():
        readers = tuple(sorted(_listeners(old, name) | _listeners(new, name))) or OUTSIDE
        if name not in new["channels"]:
            if name not in retired:
                yield Break(name, "is gone", readers)
            continue
        if _place(channel) != _place(new["channels"][name]):
            yield Break(name, "is published at another address now", readers)
        before, after = (document["components"]["messages"][name] for document in (old, new))
        for part, field in (("payload", name), ("headers", f"{name} header")):
            for change in Comparison(old, new, "new to old").changes(before[part], after[part]):
                yield _break(change, field, readers)
        for change in Comparison(old, new, "old to new").changes(before["payload"], after["payload"]):
            yield _break(change, name, tuple(f"replays to {reader}" for reader in readers))


def of_http(old: Document, new: Document, retired: Collection[str] = ()) -> Iterator[Break]:
    """Compare operations: front ends write requests and read answers by the rules of the last release."""
    present = _operations(new)
    for address, before in _operations(old).items():
        name, after = before["operationId"], present.get(address)
        if after is None and name in retired:
            continue
        found = _of_operation(Comparison(old, new, "old to new"), before, after) if after else [Change("", "is gone")]
        for change in found:
            yield _break(change, address, (f"front ends: {name}",))


def _operations(document: Document) -> dict[str, Document]:
    """Operations by method and path, each with the parameters that its path lists for all."""
    return {
        f"{method.upper()} {path}": operation | {"parameters": [*item.get("parameters", ()), *operation.get("parameters", ())]}
        for path, item in document["paths"].items()
        for method, operation in item.items()
        if "operationId" in operation
    }


def _of_operation(requests: Comparison, before: Document, after: Document) -> Iterator[Change]:
    if before["operationId"] != after["operationId"]:
        yield Change("", f"is named {after['operationId']} now")
    lost = set(before["x-who"]) - set(after["x-who"])
    if lost and "anyone" not in after["x-who"]:
        yield Change("", f"is not for {', '.join(sorted(lost))} any more")
    yield from _of_parameters(requests, before, after)
    body, new_body = before.get("requestBody", {}), after.get("requestBody", {})
    if new_body.get("required") and not body.get("required"):
        yield Change("body", "must be given now")
    yield from _of_content(requests, body, new_body, "body")
    answers = replace(requests, way="new to old", exact=False)
    for status, answer in before["responses"].items():
        if status not in after["responses"]:
            yield Change(f"answer {status}", "is gone")
            continue
        new_answer = after["responses"][status]
        for header in answer.get("headers", {}).keys() - new_answer.get("headers", {}).keys():
            yield Change(f"answer {status} header {header}", "is gone")
        yield from _of_content(answers, answer, new_answer, f"answer {status}")


def _of_parameters(requests: Comparison, before: Document, after: Document) -> Iterator[Change]:
    olds, news = ({(one["in"], one["name"]): one for one in operation.get("parameters", ())} for operation in (before, after))
    for place, name in olds.keys() | news.keys():
        old, new, at = olds.get((place, name)), news.get((place, name)), f"{place} {name}"
        if new is None:
            yield Change(at, "is refused now")
        elif new.get("required") and not (old or {}).get("required"):
            yield Change(at, "must be given now")
        elif old is not None:
            yield from requests.changes(old["schema"], new["schema"], at)


def _of_content(comparison: Comparison, before: Document, after: Document, where: str) -> Iterator[Change]:
    for kind, content in before.get("content", {}).items():
        if kind not in after.get("content", {}):
            yield Change(where, f"is not {kind} any more")
        else:
            for change in comparison.changes(content["schema"], after["content"][kind]["schema"]):
                yield replace(change, field=f"{where} {change.field}".rstrip())


def _break(change: Change, where: str, readers: tuple[str, ...]) -> Break:
    joint = " " if " " in where else "."
    return Break(joint.join(filter(None, (where, change.field))), change.what, readers, change.grave)


def _together(found: Iterator[Break]) -> list[Break]:
    """Merge the same change of a schema in many operations into one line."""
    lines: dict[tuple[str, str, bool], list[Break]] = {}
    for one in found:
        _, _, field = one.where.partition(" ")
        _, _, field = field.partition(" ")
        lines.setdefault((field or one.where, one.what, one.grave), []).append(one)
    return [replace(same[0], readers=tuple(sorted({reader for one in same for reader in one.readers}))) for same in lines.values()]


def _listeners(document: Document, event: str) -> set[str]:
    channel = f"#/channels/{event}"
    return {
        one["tags"][0]["name"]
        for one in document["operations"].values()
        if one["action"] == "receive" and one["channel"]["$ref"] == channel
    }


def _place(channel: Document) -> tuple[str, Any]:
    return channel["address"], channel["bindings"]["amqp"]["exchange"]
