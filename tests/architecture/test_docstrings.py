"""Docstrings of the packages that every service stands on."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = (ROOT / "chassis/chassis", ROOT / "contracts/contracts")
PLANTED = "\n\ndef planted() -> None: ...\n"


def undocumented(source: str) -> Iterator[str]:
    """Yield the public functions, classes and methods of a module that have no docstring; overloads count as one function."""
    yield from _undocumented(ast.parse(source), "")


def _undocumented(scope: ast.Module | ast.ClassDef, prefix: str) -> Iterator[str]:
    for node in scope.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            is_overload = any(isinstance(one, ast.Name) and one.id == "overload" for one in node.decorator_list)
            if ast.get_docstring(node) is None and not is_overload:
                yield f"{prefix}{node.name}"
            if isinstance(node, ast.ClassDef):
                yield from _undocumented(node, f"{prefix}{node.name}.")


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.name)
def test_public_names_have_docstrings(package: Path) -> None:
    files = [path for path in sorted(package.rglob("*.py")) if "versions" not in path.parts]
    assert len(files) > 5
    found = [f"{path.relative_to(ROOT)}: {name}" for path in files for name in undocumented(path.read_text("utf-8"))]
    assert found == []


def test_a_planted_function_without_docstring_is_found() -> None:
    for package in PACKAGES:
        path = min(package.glob("[a-z]*.py"))
        assert list(undocumented(path.read_text("utf-8") + PLANTED)) == ["planted"]
