"""Words for front ends: every problem of the running code is in the union, and a code must be a literal."""

import sys
from pathlib import Path

import pytest

from chassis.problems import Problem
from deploy import front_end_words
from deploy.services import services


def test_every_loaded_problem_has_its_code_in_the_union() -> None:
    codes = front_end_words.problem_codes(front_end_words.sources())
    modules = [module for name, module in sys.modules.items() if name.split(".")[0] in {"chassis", *services()}]
    kinds = {one for module in modules if ".test" not in module.__name__ for one in vars(module).values() if isinstance(one, type)}
    loaded = {(kind.code, kind.status) for kind in kinds if issubclass(kind, Problem) and kind is not Problem}
    assert ("sign_in_needed", 401) in loaded
    assert loaded <= {(code, status) for code, statuses in codes.items() for status in statuses}


def test_problem_with_a_computed_code_is_refused(tmp_path: Path) -> None:
    source = tmp_path / "problems.py"
    source.write_text('name = "x"\nunknown = problem(404, name, zh="", en="")\n')
    with pytest.raises(ValueError, match=r"problems\.py:2"):
        front_end_words.problem_codes([source])


def test_labels_are_those_of_fields_items_alternatives_and_parameters() -> None:
    label = {"a": {"zh-CN": "甲", "en": "a"}}
    shape = {"type": "string", "enum": ["a"], "x-labels": label}
    fields = {
        "state": shape,
        "kinds": {"type": "array", "items": shape},
        "dispute": {"anyOf": [shape, {"type": "null"}]},
        "note": {"type": "string"},
    }
    document = {
        "components": {"schemas": {"MatchOut": {"properties": fields}}},
        "paths": {"/v1/matches": {"get": {"operationId": "list_own_matches", "parameters": [{"name": "state", "schema": shape}]}}},
    }
    written = front_end_words.render_labels(document)
    for name in ("matchOutState", "matchOutKinds", "matchOutDispute", "listOwnMatchesState"):
        assert f"export const {name} = " in written
    assert "note" not in written.lower()
    assert written.count("甲") == 1
