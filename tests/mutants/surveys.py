"""The tests that reach each line of a module, from a run of each test file on the unchanged tree.

A mutant needs only the tests that run its statement. A statement that no test runs kills no mutant, whatever it says.
"""

import ast
import json
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.mutants.outcomes import ROOT, Module, digest


@dataclass
class Reach:
    """The tests of one module with their seconds, and the lines of its functions that each runs."""

    seconds: dict[str, float] = field(default_factory=dict)
    lines: dict[str, set[int]] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)
    files: dict[str, str] = field(default_factory=dict)
    """The entry of the module's `tests` to which each test belongs."""

    def find_tests(self, module: Module, line: int) -> list[str]:
        """Return the tests that run the statement of this line: all, when importing runs it.

        Those that run it come first, or any of the module's functions, then the shortest; the tests of a file stay together.
        """
        statement = statement_of(module.source, line)
        running = {test for test, lines in self.lines.items() if statement is None or not lines.isdisjoint(statement)}
        found = list(self.seconds) if statement is None else [test for test in self.seconds if test in running]
        first: dict[str, tuple[bool, float]] = {}
        for test in found:
            rank = (test not in running, self.seconds[test])
            first[self.files[test]] = min(first.get(self.files[test], rank), rank)
        return sorted(found, key=lambda test: (first[self.files[test]], self.files[test], test not in running, self.seconds[test]))


class Surveys:
    """The surveys of all test files, kept in a folder; each is made anew when the file or the module in question has changed."""

    def __init__(self, folder: Path, modules: list[Module]) -> None:
        """`modules` are all guarded ones: a survey traces them together."""
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._sources = {module.path: digest(module.source) for module in modules}
        self._locks: dict[str, threading.Lock] = defaultdict(threading.Lock)
        self._guard = threading.Lock()

    def reach(self, module: Module, survey: Callable[[Module, str], dict[str, Any]]) -> Reach:
        """Return what the tests of a module reach. `survey(module, tests)` makes a missing survey of one entry of its tests."""
        reach = Reach()
        for entry in module.tests:
            found = self._survey(module, entry, survey)
            for test, (seconds, passed) in found["tests"].items():
                reach.seconds[test], reach.files[test] = seconds, entry
                reach.failed += [] if passed else [test]
            reach.lines |= {test: set(lines) for test, lines in found["lines"].get(module.path, {}).items() if test in found["tests"]}
        return reach

    def _survey(self, module: Module, entry: str, survey: Callable[[Module, str], dict[str, Any]]) -> dict[str, Any]:
        key = digest(entry, module.without, (ROOT / entry.partition("::")[0]).read_text("utf-8"))
        path = self._folder / f"{key}.json"
        with self._guard:
            lock = self._locks[key]
        with lock:
            known: dict[str, Any] = json.loads(path.read_text("utf-8")) if path.exists() else {}
            if known.get("sources", {}).get(module.path) != self._sources[module.path]:
                known = survey(module, entry) | {"entry": entry, "sources": self._sources}
                path.write_text(json.dumps(known), "utf-8")
            return known


def statement_of(source: str, line: int) -> range | None:
    """Return the lines of the innermost statement around a line, without those of its body; None outside of functions."""
    statements, is_inside, found = ast.parse(source).body, False, range(0)
    while around := next((one for one in statements if _first_line(one) <= line <= (one.end_lineno or one.lineno)), None):
        statements = list(_children(around))
        first = min(map(_first_line, statements), default=(around.end_lineno or around.lineno) + 1)
        found = range(_first_line(around), max(first, around.lineno + 1))
        if line < first and line not in {_first_line(one) for one in statements}:
            break
        is_inside = is_inside or isinstance(around, ast.FunctionDef | ast.AsyncFunctionDef)
    return found if is_inside else None


def _first_line(statement: ast.stmt) -> int:
    decorators = getattr(statement, "decorator_list", [])
    return min([statement.lineno, *(one.lineno for one in decorators)])


def _children(statement: ast.stmt) -> Iterator[ast.stmt]:
    for name in ("body", "orelse", "finalbody"):
        yield from getattr(statement, name, [])
    for part in (*getattr(statement, "handlers", []), *getattr(statement, "cases", [])):
        yield from part.body
