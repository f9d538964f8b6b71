"""Generated files: warnings are printed once, and removed services leave no empty folders."""

import json
from pathlib import Path
from typing import Any

import pytest

from deploy import generate
from deploy.compatibility import breaks

Document = dict[str, Any]


@pytest.fixture(scope="module")
def documents() -> dict[str, Document]:
    return {name: json.loads((generate.API / name).read_text()) for name in ("asyncapi.json", "openapi.json")}


def with_new_word(document: Document) -> Document:
    changed: Document = json.loads(json.dumps(document))
    for name in ("NeedOut", "PostedNeedOut"):
        changed["components"]["schemas"][name]["properties"]["state"]["enum"].append("renewed")
    return changed


def test_check_of_an_untouched_tree_prints_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    generate.check(generate.wanted())
    assert capsys.readouterr() == ("", "")


def test_new_warning_is_printed_once_and_then_committed(
    documents: dict[str, Document], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "warnings.txt"
    before = generate.warnings(breaks(documents))
    after = generate.warnings(breaks(documents | {"openapi.json": with_new_word(documents["openapi.json"])}))
    file.write_text(before)
    assert generate.stale({file: after}, {}) == [file]
    generate.write({file: after}, {})
    lines = capsys.readouterr().out.splitlines()
    assert lines
    assert all("renewed" in line and " now: is new to front ends: " in line for line in lines)
    assert any("front ends: post_need" in line for line in lines)
    assert not set(lines) & set(before.splitlines())
    assert generate.stale({file: after}, {}) == []
    generate.write({file: after}, {})
    assert capsys.readouterr().out == ""


def test_committed_warnings_are_the_present_ones(documents: dict[str, Document]) -> None:
    assert (generate.RELEASED / "warnings.txt").read_text() == generate.warnings(breaks(documents))


def test_release_empties_removals_and_warnings(tmp_path: Path) -> None:
    generate.release(generate.wanted(), tmp_path / "released")
    released = tmp_path / "released"
    present = {name: json.loads((released / name).read_text()) for name in ("asyncapi.json", "openapi.json")}
    assert generate.warnings(breaks(present, released)) == generate.WARNINGS == (released / "warnings.txt").read_text()
    assert (released / "retired.toml").read_text() == generate.RETIRED


def test_folders_of_a_removed_service_are_removed(tmp_path: Path) -> None:
    schemas, api = tmp_path / "schemas", tmp_path / "api"
    kept, gone = schemas / "needs" / "need_closed.json", schemas / "reviews" / "old" / "review_written.json"
    other, foreign = schemas / "fairs" / "fair_held.json", schemas / "fairs" / "README.md"
    for file in (kept, gone, other, foreign, api / "reviews.openapi.json"):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("old")
    generate.write({kept: "new"}, {schemas: "**/*.json", api: "*.json"})
    assert sorted(tmp_path.rglob("*")) == sorted([schemas, api, kept.parent, kept, foreign.parent, foreign])
    assert kept.read_text() == "new"
