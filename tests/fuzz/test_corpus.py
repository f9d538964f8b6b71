"""Every body and text of a corpus of known troublemakers, sent to every POST and PATCH."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from marshmallow import fields

from chassis.http.fields import Text
from chassis.testing.campaigns import WHOLE
from tests.fuzz.cases import body_schema, is_change, operations_of, plausible
from tests.fuzz.corpus import BODIES, TEXTS
from tests.fuzz.stage import Stage

EVERY_TEXT, EVERY_BODY = (1, 1) if WHOLE else (24, 4)


def writes(stage: Stage) -> Iterator[tuple[Any, str, str]]:
    """Yield each operation with a body, its sender, and the address of a suitable resource."""
    for operation in operations_of(stage):
        if operation.method in {"post", "patch", "put"}:
            raw = operation.definition.raw
            kind = next(kind for kind in [*raw["x-who"], "donor"] if kind in stage.people)
            [identifier, *_] = stage.ids(kind, operation.path, raw["operationId"])
            yield operation, kind, "/".join(identifier if part.startswith("{") else part for part in operation.path.split("/"))


def answer(stage: Stage, operation: Any, kind: str, path: str, body: bytes) -> int:
    """Return the status; check that an error is a problem with a code."""
    headers = {"Authorization": f"Bearer {stage.token(kind, path)}", "If-Match": "*"}
    if not (is_change(operation) or "{" in operation.path):
        del headers["If-Match"]
    with stage.database.case():
        response = stage.flask.open(path, method=operation.method.upper(), data=body, content_type="application/json", headers=headers)
    if response.status_code >= 400:
        assert response.content_type == "application/problem+json", response.text
        assert response.json["code"], response.text
    return response.status_code


@pytest.mark.timeout(1200)
def test_no_body_breaks_a_service(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    sent, broken = 0, []
    for number, (operation, kind, path) in enumerate(writes(stage)):
        for what, body in list(BODIES.items())[number % EVERY_BODY :: EVERY_BODY]:
            sent += 1
            if answer(stage, operation, kind, path, body) >= 500:
                broken.append((operation.label, what))
    with capsys.disabled():
        print("\n" + json.dumps({"bodies": stage.service, "cases": sent, "failures": len(broken)}))
    assert broken == []


def break_texts(stage: Stage, every: int, texts: Mapping[str, str] = TEXTS) -> tuple[int, list[tuple[str, str, str]]]:
    """Put every n-th text into each field; return the number sent and the requests that broke the service."""
    sent, broken = 0, []
    for operation, kind, path in writes(stage):
        body = plausible(stage, operation, kind)
        for number, name in enumerate(body_schema(operation).get("properties", {})):
            for what, words in list(texts.items())[number % every :: every]:
                sent += 1
                # As ASCII, because a lone surrogate has no other form.
                if answer(stage, operation, kind, path, json.dumps(body | {name: words}).encode()) >= 500:
                    broken.append((operation.label, name, what))
    return sent, broken


@pytest.mark.timeout(1200)
def test_no_text_breaks_a_service(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    sent, broken = break_texts(stage, EVERY_TEXT)
    with capsys.disabled():
        print("\n" + json.dumps({"texts": stage.service, "cases": sent, "failures": len(broken)}))
    assert broken == []


@pytest.mark.xfail(strict=True, raises=AssertionError, reason="texts taken as they come break what they are written to")
@pytest.mark.parametrize("stage", ["needs"], indirect=True)
def test_texts_taken_as_they_come(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Text, "_deserialize", fields.String._deserialize)
    assert break_texts(stage, 1, {"a lone surrogate": TEXTS["a lone surrogate"]})[1] == []
