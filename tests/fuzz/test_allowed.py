"""The acts that a resource lists as `allowed` are exactly the acts it permits, for every person and state."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from chassis.data.database import new_id
from chassis.testing.campaigns import WHOLE
from chassis.testing.fixtures import Person
from tests.fuzz.cases import act_of, is_change, operations_of, plausible
from tests.fuzz.stage import Stage, collection_of

REFUSED = {403, 404, 409}
RENAMED = {"name": "王秀英"}
CHANGES: dict[str, dict[str, Any]] = {
    "/v1/needs": {"quantity": 3}, "/v1/drafts": {"quantity": 3}, "/v1/pledges": {"quantity": 3},
    "/v1/charities": {"last_day": "2091-01-31"}, "/v1/places": {"do_not_bring": "旧衣物"}, "/v1/endpoints": {"name": "审核群"},
    "/v1/households": RENAMED, "/v1/household-members": RENAMED, "/v1/institutions": RENAMED,
}  # fmt: skip
"""A change of each collection whose things can be changed."""


def acts_of(stage: Stage) -> dict[str, list[Any]]:
    """Return the operations on single resources by their collection, as far as a resource can be read, with its `allowed`."""
    found: dict[str, list[Any]] = {}
    read = {collection_of(operation.path) for operation in operations_of(stage) if operation.method == "get" and "{" in operation.path}
    for operation in operations_of(stage):
        raw = operation.definition.raw
        if operation.method in {"post", "patch"} and "{" in operation.path and raw["x-versioned"] and collection_of(operation.path) in read:
            found.setdefault(collection_of(operation.path), []).append(operation)
    return found


def call(stage: Stage, person: Person, operation: Any, identifier: str, **headers: str) -> int:
    body = plausible(stage, operation, person.kind) or (CHANGES[collection_of(operation.path)] if is_change(operation) else {})
    takes = operation.definition.raw.get("requestBody", {}).get("content", {})
    sent: dict[str, Any] = {"json": body}
    if file := stage.file_for(operation.definition.raw["operationId"], takes):
        # Another file each time: the same one again is what stands already, whether more are allowed or not.
        sent = {"data": file[1] + new_id().bytes, "content_type": file[0]}
    path = "/".join(identifier if part.startswith("{") else part for part in operation.path.split("/"))
    seen = {"If-Match": "*"} if is_change(operation) else {}
    signed = {"Authorization": f"Bearer {stage.keys.token(person.id, person.kind, person.session_id, **person.claims)}"}
    return stage.flask.open(path, method=operation.method.upper(), headers=signed | seen | headers, **sent).status_code


def people(stage: Stage) -> list[Person]:
    return [*stage.people.values(), stage.agent, stage.operator, Person("staff"), Person("donor")]


def things(stage: Stage, collection: str) -> list[str]:
    found = {item["id"] for (_, place), items in stage.seen.items() if place == collection for item in items}
    return sorted(found)[: None if WHOLE else 1]


def allowed(stage: Stage, person: Person, collection: str, identifier: str) -> list[str]:
    answer = stage.client.get(f"{collection}/{identifier}", by=person)
    return list(answer.json["allowed"]) if answer.status_code == 200 else []


def check_people(stage: Stage, persons: list[Person], collection: str, operations: list[Any], identifier: str) -> list[str]:
    """Compare each person's `allowed` with the acts they can carry out, rolled back; return the differences."""
    wrong = []
    for person in persons:
        said = allowed(stage, person, collection, identifier)
        for operation in operations:
            name = act_of(operation)
            with stage.database.case():
                status = call(stage, person, operation, identifier)
                stale = call(stage, person, operation, identifier, **{"If-Match": '"0"'}) if status in {201, 202} else 412
            if (name in said) != (status not in REFUSED) or status == 422 or stale not in {409, 412}:
                wrong.append(f"{name} by {person.kind}: {status}, {stale} if stale, said {said}")
    return wrong


def check_every_state(stage: Stage) -> Iterator[tuple[int, list[str]]]:
    """Check each resource as it is and after each permitted act; yield the number of tries and the faults."""
    for collection, operations in acts_of(stage).items():
        tried = len(people(stage)) * len(operations)
        tried_after = tried if WHOLE else 2 * len(operations)
        for identifier in things(stage, collection):
            with stage.database.case():
                faults = check_people(stage, people(stage), collection, operations, identifier)
            yield tried, faults
            for operation in operations:
                if (faults_after := check_after(stage, collection, operations, identifier, operation)) is not None:
                    yield tried_after, faults_after


def check_after(stage: Stage, collection: str, operations: list[Any], identifier: str, operation: Any) -> list[str] | None:
    """Carry the operation out as the first permitted person and check again; None when nobody is permitted.

    A short run checks two people: whoever acted, and another one in turn.
    """
    for place, person in enumerate(everybody := people(stage)):
        with stage.database.case():
            if act_of(operation) in allowed(stage, person, collection, identifier):
                call(stage, person, operation, identifier)
                turn = operations.index(operation) + 1
                watching = everybody if WHOLE else [person, everybody[(place + turn) % len(everybody)]]
                return check_people(stage, watching, collection, operations, identifier)
    return None


@pytest.mark.timeout(600)
def test_what_is_allowed_is_what_may_be_done(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    checked, wrong = 0, list[str]()
    for tried, faults in check_every_state(stage):
        checked += tried
        wrong += faults
    with capsys.disabled():
        print("\n" + json.dumps({"allowed": stage.service, "cases": checked, "failures": len(wrong)}))
    assert wrong == []


@pytest.mark.timeout(600)
@pytest.mark.xfail(strict=True, raises=AssertionError, reason="a rule that only what is listed obeys")
@pytest.mark.parametrize("stage", ["matching"], indirect=True)
def test_what_is_listed_by_a_rule_of_its_own(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("matching.matches.api.matches.acts_on_match", lambda caller, match: ["accept_match", "refuse_match"])
    assert next((faults for _, faults in check_every_state(stage) if faults), []) == []


def test_lists_say_the_same_as_each_thing(stage: Stage) -> None:
    for path, operations in stage.document()["paths"].items():
        if "get" not in operations or "{" in path or not path.startswith("/v1/"):
            continue
        for person in people(stage):
            answer = stage.client.get(path, by=person)
            listed = answer.json.get("items", []) if answer.is_json and answer.status_code == 200 else []
            for item in listed:
                if "allowed" in item:
                    assert item["allowed"] == allowed(stage, person, collection_of(path), item["id"])
