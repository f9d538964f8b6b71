"""The problems that an operation lists are those that its code can reach."""

from typing import Any

import pytest

from chassis.http import possible_problems
from chassis.http.app import create_app
from chassis.http.possible_problems import EVERYWHERE, by_status
from chassis.problems import state_conflict
from chassis.testing.fixtures import KnownKeys, RolledBack
from chassis.testing.listed_problems import find_unlisted
from chassis.testing.twins import unguarded
from needs.api import api
from needs.problems import unknown_household


@pytest.fixture
def document(database: RolledBack, keys: KnownKeys) -> Any:
    return create_app("needs", api, database=database, keys=keys).spec


def codes(document: Any, method: str, path: str) -> dict[str, str]:
    responses = document["paths"][path][method]["responses"]
    return {status: answer["description"] for status, answer in responses.items() if status.startswith("4")}


def test_operation_lists_its_own_problems_and_no_others(document: Any) -> None:
    posting, reading = codes(document, "post", "/v1/needs"), codes(document, "get", "/v1/needs/{need_id}")
    assert {"`id_taken`", "`in_progress`"} <= set(posting["409"].split(", "))
    assert {"`too_many`", "`unknown_household`", "`forbidden_item`", "`key_reused`"} <= set(posting["422"].split(", "))
    assert "story_unknown" not in str(posting)
    assert reading == {"401": "`sign_in_needed`", "404": "`not_found`", "422": "`invalid`"}
    assert "`precondition_needed`" in codes(document, "patch", "/v1/needs/{need_id}")["428"]
    assert codes(document, "post", "/v1/needs/{need_id}/change") == codes(document, "patch", "/v1/needs/{need_id}")


def test_what_every_address_may_answer_stands_in_default(document: Any) -> None:
    default = document["paths"]["/v1/needs"]["get"]["responses"]["default"]["description"]
    assert all(f"`{kind.code}`" in default for kind in EVERYWHERE)
    assert "429" not in codes(document, "get", "/v1/needs")


def test_problems_are_listed_by_status() -> None:
    assert by_status({state_conflict, *EVERYWHERE})["409"] == ["state_conflict"]


NOTHING = unguarded(lambda function: frozenset(), "without the search, only those of every address are listed")


@pytest.mark.parametrize("search", [possible_problems._reached, NOTHING])
def test_an_answered_problem_is_listed(database: RolledBack, keys: KnownKeys, monkeypatch: pytest.MonkeyPatch, search: Any) -> None:
    monkeypatch.setattr(possible_problems, "_reached", search)
    app = create_app("needs", api, database=database, keys=keys)
    unlisted = type("unlisted", (state_conflict,), {"code": "unlisted"})
    with app.test_request_context("/v1/needs", method="POST"):
        assert list(find_unlisted(unlisted())) == ["post_need answered unlisted"]
        assert list(find_unlisted(unknown_household())) == []
