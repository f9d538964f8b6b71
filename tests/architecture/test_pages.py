"""The pages of the project name files, commands and words that exist."""

import ast
import json
import re
import tomllib
from collections.abc import Iterator
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
GITHUB = ROOT / ".github"
FORMS = sorted(set((GITHUB / "ISSUE_TEMPLATE").glob("*.yml")) - {GITHUB / "ISSUE_TEMPLATE/config.yml"})
GLOSSARY = (ROOT / "docs/glossary.md").read_text("utf-8")
OWNERS = (GITHUB / "CODEOWNERS").read_text("utf-8")
ELEMENTS = {"markdown", "textarea", "input", "dropdown", "checkboxes"}


def pages() -> list[Path]:
    found = chain(
        ROOT.glob("*.md"),
        GITHUB.rglob("*.md"),
        *((ROOT / name).rglob("*.md") for name in ("docs", "examples")),
        ROOT.glob("services/*/README.md"),
    )
    return sorted(page for page in found if "node_modules" not in page.parts)


def broken_links(page: Path, text: str) -> set[str]:
    return {link for link in re.findall(r"\]\(([^)#:\s]+)(?:#[^)\s]*)?\)", text) if not (page.parent / link).exists()}


def unknown_targets(text: str) -> set[str]:
    """Targets that a page writes as a command, in backticks or at the start of a line, and the Makefile does not have."""
    targets = set(re.findall(r"(?m)^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8")))
    return set(re.findall(r"(?:`|^|&& |[A-Z]+=\S+ )make ([a-z][a-z-]*)", text, re.MULTILINE)) - targets


def test_links_of_pages_lead_to_files_that_exist() -> None:
    assert {page.name: found for page in pages() if (found := broken_links(page, page.read_text("utf-8")))} == {}


def test_pages_name_make_targets_that_exist() -> None:
    assert {page.name: found for page in pages() if (found := unknown_targets(page.read_text("utf-8")))} == {}


def test_unknown_link_or_target_is_noticed() -> None:
    assert broken_links(ROOT / "README.md", "[a](nowhere.md) [b](docs/nowhere.md#part) [c](https://example.org) [d](LICENSE)") == {
        "nowhere.md",
        "docs/nowhere.md",
    }
    assert unknown_targets("`make dinner`\nmake coffee  # now\nPORT=1 make tea\n`make run`; we make promises") == {
        "dinner",
        "coffee",
        "tea",
    }


def words_of(source: str) -> Iterator[str]:
    """Every name and every word of a text in Python code, without docstrings and comments."""
    tree = ast.parse(source)
    said = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        match node:
            case ast.Constant(value=str(text)) if id(node) not in said:
                yield from re.findall(r"\w+", text)
            case ast.Name(id=name) | ast.Attribute(attr=name) | ast.FunctionDef(name=name) | ast.ClassDef(name=name) | ast.arg(arg=name):
                yield name
            case ast.keyword(arg=str(name)) | ast.alias(name=name):
                yield from name.split(".")
            case ast.ImportFrom(module=str(name)):
                yield from name.split(".")


@cache
def words(part: str) -> frozenset[str]:
    """Words in the code of a part of the house: names, texts, modules; a service may also use those of the events it publishes."""
    folder = ROOT / (part if part in {"contracts", "chassis"} else f"services/{part}") / part
    files = [path for path in folder.rglob("*.py") if not {"tests", "versions"} & set(path.parts)]
    own = ROOT / f"contracts/contracts/{part}.py"
    code = chain.from_iterable(words_of(path.read_text("utf-8")) for path in [*files, *([own] if own.exists() else [])])
    names = chain.from_iterable((*path.relative_to(folder).parts[:-1], path.stem) for path in files)
    tables = chain.from_iterable(_keys(tomllib.loads(path.read_text("utf-8"))) for path in folder.rglob("*.toml"))
    return frozenset(chain(code, names, tables))


def _keys(table: dict[str, Any]) -> Iterator[str]:
    for key, value in table.items():
        yield key
        if isinstance(value, dict):
            yield from _keys(value)


def missing(glossary: str) -> set[str]:
    """Names that the glossary gives and the code of that part does not have, as `part: name`."""
    cells = re.findall(r"^\|[^|]*\|[^|]*\|([^|]*)\|[^|]*\|$", glossary, re.MULTILINE)
    named = [
        (part, name)
        for cell in cells
        for part, names in re.findall(r"(\w+): ((?:`\w+`(?:, )?)+)", cell)
        for name in re.findall(r"\w+", names)
    ]
    return {f"{part}: {name}" for part, name in named if name not in words(part)}


def test_words_of_the_glossary_exist_in_the_code() -> None:
    rows = [line for line in GLOSSARY.splitlines() if line.startswith("| ") and "中文" not in line]
    assert len(rows) > 50
    assert [row for row in rows if not re.search(r"\| \w+: `", row)] == []
    assert missing(GLOSSARY) == set()


@pytest.mark.parametrize("name", ["users: `hermit`", "needs: `Need`, `Wish`", "matching: `teapot_in_a_docstring`"])
def test_word_of_the_glossary_without_code_is_noticed(name: str) -> None:
    assert len(missing(f"| 词 | word | {name} | meaning |")) == 1


def test_docstrings_do_not_make_a_word_of_code() -> None:
    assert set(words_of('"""Hermit."""\ndef post_need(kind: str = "goods") -> None:\n    """Teapot."""\n')) == {
        "post_need",
        "kind",
        "str",
        "goods",
    }


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.stem)
def test_issue_form_has_what_the_host_asks_for(form: Path) -> None:
    assert wrong_in(yaml.safe_load(form.read_text("utf-8"))) == []


def wrong_in(form: dict[str, Any]) -> list[str]:
    """Return the faults that keep the host from showing an issue form."""
    wrong = [f"{key} is missing" for key in ("name", "description", "body") if not form.get(key)]
    wrong += [f"{key} is unknown" for key in form.keys() - {"name", "description", "title", "labels", "assignees", "body"}]
    asked = [one for one in form.get("body", []) if one["type"] != "markdown"]
    ids = [one.get("id") for one in asked]
    wrong += [f"{one['type']} is no element" for one in form.get("body", []) if one["type"] not in ELEMENTS]
    wrong += ["an element asks nothing"] if not asked or not all(one["attributes"].get("label") for one in asked) else []
    wrong += ["ids are missing or not unique"] if None in ids or len(set(ids)) < len(ids) else []
    wrong += [
        f"{one['id']} offers no choice"
        for one in asked
        if one["type"] in {"dropdown", "checkboxes"} and not one["attributes"].get("options")
    ]
    return wrong


def test_mistakes_in_an_issue_form_are_noticed() -> None:
    area = {"type": "textarea", "id": "a", "attributes": {"label": "A"}}
    good = {"name": "Bug", "description": "It breaks.", "body": [area]}
    assert wrong_in(good) == []
    assert wrong_in(good | {"body": [area, area]}) == ["ids are missing or not unique"]
    assert wrong_in(good | {"body": [area | {"type": "dropdown"}], "colour": "red"}) == ["colour is unknown", "a offers no choice"]
    assert wrong_in({"name": "Bug", "body": [area | {"attributes": {}}]}) == ["description is missing", "an element asks nothing"]


def wrong_in_owners(owners: str) -> set[str]:
    """Folders of the tree without a line of their own, and lines about folders that do not exist."""
    lines = (line.split() for line in owners.splitlines() if line.strip() and not line.startswith("#"))
    listed = {pattern for pattern, first, *_ in lines if first.startswith("@")} - {"*"}
    folders = {f"/{path.name}/" for path in ROOT.iterdir() if (path / "__init__.py").exists() or any(path.glob("*/pyproject.toml"))}
    folders |= {"/contracts/", "/chassis/", "/tests/", "/docs/", "/clients/", "/examples/", "/.github/"}
    return (folders - listed) | {one for one in listed if not (ROOT / one.strip("/")).is_dir()}


def test_code_owners_name_every_folder_and_no_missing_one() -> None:
    assert wrong_in_owners(OWNERS) == set()
    assert wrong_in_owners(OWNERS.replace("/deploy/", "/deployed/")) == {"/deploy/", "/deployed/"}


def test_dev_container_has_the_packages_that_the_readme_asks_for() -> None:
    container = json.loads((ROOT / ".devcontainer/devcontainer.json").read_text("utf-8"))
    recipe = (ROOT / ".devcontainer" / container["build"]["dockerfile"]).read_text("utf-8")
    [asked] = re.findall(r"`apt-get install ([\w\s-]+)`", (ROOT / "README.md").read_text("utf-8"))
    assert set(asked.split()) - set(recipe.split()) == set()
    assert f"\nUSER {container['remoteUser']}\n" in recipe
    assert unknown_targets(container["postCreateCommand"]) == set()
