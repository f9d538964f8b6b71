"""Cases generated from the OpenAPI document, sent by allowed people, judged by the document."""

from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random
from typing import Any

import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.core import NotSet
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from chassis.data.database import new_id
from chassis.testing.campaigns import WHOLE
from tests.fuzz.stage import Stage

PROMISES = [status_code_conformance, content_type_conformance, response_headers_conformance, response_schema_conformance]
REFUSED_AT_THE_DOOR = {401, 403}
FEWEST = 16 if WHOLE else 3
PATIENCE = 100
"""How many good cases more an operation gets that chance has not carried out yet."""


class Favourable(Random):
    """A source of randomness that always prefers existing things and varies only the choice among them."""

    getrandbits = Random.getrandbits

    def random(self) -> float:
        return self.choice((0.45, 0.55))


FAVOURABLE = Favourable(0)


@dataclass
class Figures:
    """The results of all cases of one service."""

    cases: int = 0
    let_in: int = 0
    operations: int = 0
    answers: Counter[tuple[str, int]] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)

    def note(self, operation: str, status: int) -> None:
        self.cases += 1
        self.let_in += status not in REFUSED_AT_THE_DOOR
        self.answers[operation, status] += 1

    def carried_out(self) -> set[str]:
        """The operations that answered with a 2xx at least once."""
        return {operation for operation, status in self.answers if 200 <= status < 300}


def operations_of(stage: Stage) -> Iterator[Any]:
    schema = schemathesis.openapi.from_dict(stage.document())
    schema.app = stage.flask.application
    for found in schema.get_all_operations():
        operation = found.ok()
        if "x-who" in operation.definition.raw:
            yield operation


def act_of(operation: Any) -> str:
    """Return the name of an operation; of `POST …/change` that of its PATCH, which is the same act."""
    raw = operation.definition.raw
    return str(raw.get("x-same-as", raw["operationId"]))


def is_change(operation: Any) -> bool:
    """Tell whether the operation needs `If-Match`."""
    return operation.method in {"patch", "put"} or "x-same-as" in operation.definition.raw


def fuzz(stage: Stage, cases: int, figures: Figures, least: int = 0) -> None:
    """Send about so many cases, evenly over operations, and of each `least` or more; two thirds are valid by the document."""
    operations = sorted(operations_of(stage), key=lambda operation: "x-same-as" in operation.definition.raw)
    figures.operations = len(operations)
    each = max(FEWEST, least, -(-cases // len(operations)))
    for number, operation in enumerate(operations):
        wrong = _fuzz_operation(stage, operation, GenerationMode.NEGATIVE, each // 3, number, figures)
        _fuzz_operation(stage, operation, GenerationMode.POSITIVE, each - wrong, number, figures)


def _fuzz_operation(stage: Stage, operation: Any, mode: GenerationMode, wanted: int, number: int, figures: Figures) -> int:
    """Send the cases and return their number."""
    chance = Random(number)

    @seed(number)
    @settings(max_examples=wanted, database=None, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate])
    @given(operation.as_strategy(generation_mode=mode))
    def send(case: Any) -> None:
        made.append(case)

    made: list[Any] = []
    # Nothing can be wrong with a request that takes nothing, or any text at all.
    with suppress(Unsatisfiable):
        send()
    # What takes nothing has one case only; sent by as many different people.
    sent = 0
    while made and sent < wanted + (PATIENCE if mode is GenerationMode.POSITIVE else 0):
        is_reached = operation.definition.raw["operationId"] in figures.carried_out()
        if sent >= wanted and is_reached:
            break
        _send(stage, operation, made[sent % len(made)], mode, chance if is_reached and sent > 4 else FAVOURABLE, figures)
        sent += 1
    return sent


def _send(stage: Stage, operation: Any, case: Any, mode: GenerationMode, chance: Random, figures: Figures) -> None:
    raw = operation.definition.raw
    who = [kind for kind in raw["x-who"] if kind in stage.people] or sorted(stage.people)
    kind = chance.choice(who if chance.random() < 0.9 else sorted(stage.people))
    if mode is GenerationMode.POSITIVE and chance.random() < 0.7:
        _make_good(stage, operation, case, kind, chance)
    case.headers.pop("Authorization", None)
    signed = {} if chance.random() > 0.95 else {"Authorization": f"Bearer {stage.token(kind, operation.path)}"}
    with stage.database.case():
        try:
            # What was guessed for an id may be the name of a thing beside it: `/v1/push-subscriptions/key`.
            if "{" in operation.path and case.formatted_path in operation.schema.raw_schema["paths"]:
                return
            response = case.call(headers=signed)
            status = response.status_code
            figures.note(raw["operationId"], status)
            if status >= 500:
                raise AssertionError(response.text[:300])
            case.validate_response(response, checks=PROMISES, headers=signed)
        except Exception as error:
            figures.failures.append(f"{operation.label} {kind} {case.path_parameters} {case.query} {case.body!r:.300}: {error!s:.600}")


def _make_good(stage: Stage, operation: Any, case: Any, kind: str, chance: Random) -> None:
    """Replace guessed values of a case by existing ones."""
    raw = operation.definition.raw
    for name in case.path_parameters:
        ids = stage.words.get("region_code") if name == "code" else stage.ids(kind, operation.path, raw["operationId"])
        case.path_parameters[name] = chance.choice(ids or [""])
    needed = {one["name"] for one in raw.get("parameters", []) if one.get("required")}
    named = {name: value for name, value in case.query.items() if name in needed or chance.random() < 0.5}
    case.query = {name: _good(stage, name, value, kind, chance) for name, value in named.items()}
    case.query.pop("cursor", None)
    for name in ("Idempotency-Key", "If-Match", "If-None-Match"):
        case.headers.pop(name, None)
    if raw["x-versioned"] and is_change(operation):
        case.headers["If-Match"] = "*"
    if file := stage.file_for(raw["operationId"], [case.media_type]):
        case.body = file[1]
    if not isinstance(case.body, NotSet) and isinstance(case.body, dict):
        required = _required(operation)
        known = {name: None for name in body_schema(operation).get("properties", {}) if stage.good(name, kind)}
        kept = {name: value for name, value in (known | case.body).items() if name in required or chance.random() < 0.5}
        case.body = {name: _good(stage, name, value, kind, chance) for name, value in kept.items()}
    operation_id = act_of(operation)
    for name, value in (stage.recipes.get((operation_id, kind)) or stage.recipes.get((operation_id, "")) or {}).items():
        asked = [one["name"] for one in raw.get("parameters", []) if one["in"] == "query"]
        case_part = case.path_parameters if name in case.path_parameters else case.query if name in asked else case.body
        case_part[name] = value


def _good(stage: Stage, name: str, value: Any, kind: str, chance: Random) -> Any:
    values = stage.good(name, kind)
    return chance.choice(values) if values else value


def _required(operation: Any) -> set[str]:
    return set(body_schema(operation).get("required", []))


def body_schema(operation: Any) -> dict[str, Any]:
    """The schema of an operation's body, `{}` if it takes none."""
    content = operation.definition.raw.get("requestBody", {}).get("content", {}).get("application/json", {})
    name = content.get("schema", {}).get("$ref", "").rpartition("/")[2]
    schema: dict[str, Any] = operation.schema.raw_schema["components"]["schemas"].get(name, {})
    return schema


def plausible(stage: Stage, operation: Any, kind: str, turn: int = 0) -> dict[str, Any]:
    """Make a body with every required field from the document and the stage, another one at each turn."""
    schema = body_schema(operation)
    return {name: _plausible(stage, name, schema["properties"][name], kind, turn) for name in schema.get("required", [])}


def _plausible(stage: Stage, name: str, schema: dict[str, Any], kind: str, turn: int) -> Any:
    if values := stage.good(name, kind):
        return values[turn % len(values)]
    if "enum" in schema:
        return schema["enum"][turn % len(schema["enum"])]
    if schema["type"] == "integer":
        return schema.get("minimum", 1)
    return str(new_id()) if schema.get("format") == "uuid" else "x" * max(3, schema.get("minLength", 0))
