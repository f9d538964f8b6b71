"""A pytest plugin: every problem that an operation answers in any test is one that its document lists."""

from collections.abc import Iterator
from typing import Any

import pytest
from flask import Response, current_app, request

from chassis import problems
from chassis.http.possible_problems import possible_problems
from chassis.problems import Problem


@pytest.fixture(autouse=True)
def only_listed_problems(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Fail a test in which an operation answered a problem that its document does not list."""
    unlisted: list[str] = []
    answer = problems.answer

    def checked(error: Problem) -> Response:
        unlisted.extend(find_unlisted(error))
        return answer(error)

    # The search for problems does not follow what is none of ours.
    checked.__module__ = "tests"
    monkeypatch.setattr(problems, "answer", checked)
    yield
    assert sorted(set(unlisted)) == []


def find_unlisted(error: Problem) -> Iterator[str]:
    """Yield operation and code when the present request is answered with a problem that the operation does not list."""
    view: Any = current_app.view_functions.get(request.endpoint or "")
    if not hasattr(view, "_spec"):
        return
    facts = view._spec["extensions"] | {"requestBody": {}, "parameters": [{"name": "If-Match"}], "security": view.access["who"]}
    if type(error) not in possible_problems(view, request.method.lower(), facts):
        yield f"{view._spec['operation_id']} answered {error.code}"
