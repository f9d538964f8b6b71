"""Every test asserts something, and every twin says how it fails: otherwise they stay green without what they guard."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = ("chassis", "contracts", "examples", "services", "tests", "deploy/template")
CHECKED = {"raises", "warns", "fail", "run_state_machine_as_test"}
"""Functions of libraries that fail a test by themselves."""
TOO_WIDE = {"Exception", "BaseException"}

Function = ast.FunctionDef | ast.AsyncFunctionDef


def test_every_test_asserts_something() -> None:
    sources = parsed_tests()
    assert len(sources) > 150
    asserting = names_that_assert(sources.values())
    silent = [
        f"{path.relative_to(ROOT)}: {one.name}" for path, tree in sources.items() for one in find_tests(tree) if not asserts(one, asserting)
    ]
    assert silent == []


def test_every_twin_names_the_error_with_which_it_fails() -> None:
    assert [f"{path.relative_to(ROOT)}:{call.lineno}" for path, tree in parsed_tests().items() for call in vague_twins(tree)] == []


def test_no_test_expects_or_swallows_any_error() -> None:
    assert [f"{path.relative_to(ROOT)}:{call.lineno}" for path, tree in parsed_tests().items() for call in wide_nets(tree)] == []


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("def test_a(): work()", ["test_a"]),
        ("def test_a(): assert work()", []),
        ("def helper():\n    assert 1\ndef test_a(): helper()", []),
        ("class Scene:\n    def goes(self):\n        assert 1\ndef test_a(): Scene().goes()", []),
        ("def test_a():\n    with pytest.raises(ValueError): work()", []),
        ("def test_a():\n    def inner():\n        assert 1", ["test_a"]),
    ],
)
def test_silent_test_is_found(source: str, found: list[str]) -> None:
    tree = ast.parse(source)
    assert [one.name for one in find_tests(tree) if not asserts(one, names_that_assert([tree]))] == found


def test_vague_twin_and_wide_net_are_found() -> None:
    assert len(vague_twins(ast.parse("@pytest.mark.xfail(strict=True, reason='x')\ndef test_a(): ..."))) == 1
    assert vague_twins(ast.parse("@pytest.mark.xfail(strict=True, raises=AssertionError, reason='x')\ndef test_a(): ...")) == []
    assert len(wide_nets(ast.parse("with pytest.raises(Exception): ...\nwith suppress(OSError, Exception): ..."))) == 2
    assert wide_nets(ast.parse("with pytest.raises(ValueError): ...")) == []


@cache
def parsed_tests() -> dict[Path, ast.Module]:
    return {path: ast.parse(path.read_text("utf-8")) for path in find_test_files()}


def find_test_files() -> Iterator[Path]:
    """Yield the test modules and the modules that help them."""
    for folder in FOLDERS:
        for path in (ROOT / folder).rglob("*.py"):
            parts = path.relative_to(ROOT).parts
            if "tests" in parts or parts[:3] == ("chassis", "chassis", "testing"):
                yield path


def find_tests(tree: ast.AST) -> list[Function]:
    """List the test functions of a module."""
    return [one for one in ast.walk(tree) if isinstance(one, Function) and one.name.startswith("test_")]


def names_that_assert(trees: object) -> set[str]:
    """Collect the names of functions and methods that assert, or that call one of these."""
    functions = [one for tree in trees for one in ast.walk(tree) if isinstance(one, Function)]  # type: ignore[attr-defined]
    found = set(CHECKED)
    while True:
        more = {one.name for one in functions if one.name not in found and asserts(one, found)}
        if not more:
            return found
        found |= more


def asserts(function: Function, asserting: set[str]) -> bool:
    """Tell whether a function asserts by itself or calls something that does. A function inside counts where it is called."""
    return any(isinstance(node, ast.Assert) or (isinstance(node, ast.Call) and name_of(node) in asserting) for node in own_nodes(function))


def own_nodes(function: Function) -> Iterator[ast.AST]:
    waiting: list[ast.AST] = [*function.body]
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, Function):
            waiting += ast.iter_child_nodes(node)


def name_of(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else call.func.id if isinstance(call.func, ast.Name) else ""


def vague_twins(tree: ast.AST) -> list[ast.Call]:
    """List the strict xfail marks without `raises`."""
    calls = [one for one in ast.walk(tree) if isinstance(one, ast.Call) and name_of(one) == "xfail"]
    return [call for call in calls if "raises" not in {keyword.arg for keyword in call.keywords}]


def wide_nets(tree: ast.AST) -> list[ast.Call]:
    """List the calls of `pytest.raises` and `suppress` with an error that includes every other."""
    calls = [one for one in ast.walk(tree) if isinstance(one, ast.Call) and name_of(one) in {"raises", "suppress"}]
    return [call for call in calls if {ast.unparse(given) for given in call.args} & TOO_WIDE]
