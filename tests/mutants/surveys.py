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
    """The tests of one entry of a module's tests with their seconds, and the lines of the module's functions that each runs."""

    seconds: dict[str, float] = field(default_factory=dict)
    lines: dict[str, set[int]] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)

    def find_tests(self, module: Module, line: int) -> list[str]:
        """Return the tests that run the statement of this line: all, when importing runs it.

        Those that run it come first, or any of the module's functions, then the shortest.
        """
        statement = statement_of(module.source, line)
        running = {test for test, lines in self.lines.items() if statement is None or not lines.isdisjoint(statement)}
        found = list(self.seconds) if statement is None else [test for test in self.seconds if test in running]
        return sorted(found, key=lambda test: (test not in running, self.seconds[test]))


class Reaches:
    """What the entries of a module's tests reach. The next entry is surveyed only when all before have left a mutant alive."""

    def __init__(self, made: Iterator[Reach]) -> None:
        self._made: list[Reach] = []
        self._more = made

    def __iter__(self) -> Iterator[Reach]:
        """Iterate over those known, then over those to be made."""
        yield from self._made
        for reach in self._more:
            self._made.append(reach)
            yield reach


class Surveys:
    """The surveys of all test files, kept in a folder; each is made anew when the file or the module in question has changed."""

    def __init__(self, folder: Path, modules: list[Module]) -> None:
        """`modules` are all guarded ones: a survey traces them together."""
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._sources = {module.path: digest(module.source) for module in modules}
        self._locks: dict[str, threading.Lock] = defaultdict(threading.Lock)
        self._guard = threading.Lock()

    def reaches(self, module: Module, survey: Callable[[Module, str], dict[str, Any]]) -> Iterator[Reach]:
        """Return what each entry of a module's tests reaches, those with a survey first. `survey(module, entry)` makes a missing one."""
        for entry in sorted(module.tests, key=lambda entry: self._read(module, entry) is None):
            yield self._reach(module, entry, survey)

    def _reach(self, module: Module, entry: str, survey: Callable[[Module, str], dict[str, Any]]) -> Reach:
        found, reach = self._survey(module, entry, survey), Reach()
        for test, (seconds, passed) in found["tests"].items():
            reach.seconds[test] = seconds
            reach.failed += [] if passed else [test]
        reach.lines = {test: set(lines) for test, lines in found["lines"].get(module.path, {}).items() if test in found["tests"]}
        return reach

    def _survey(self, module: Module, entry: str, survey: Callable[[Module, str], dict[str, Any]]) -> dict[str, Any]:
        path = self._path(module, entry)
        with self._guard:
            lock = self._locks[path.name]
        with lock:
            if (known := self._read(module, entry)) is None:
                known = survey(module, entry) | {"entry": entry, "sources": self._sources}
                path.write_text(json.dumps(known), "utf-8")
            return known

    def _read(self, module: Module, entry: str) -> dict[str, Any] | None:
        """Return the survey of an entry, unless the module has changed since."""
        path = self._path(module, entry)
        known: dict[str, Any] = json.loads(path.read_text("utf-8")) if path.exists() else {}
        return known if known.get("sources", {}).get(module.path) == self._sources[module.path] else None

    def _path(self, module: Module, entry: str) -> Path:
        return self._folder / f"{digest(entry, module.without, (ROOT / entry.partition('::')[0]).read_text('utf-8'))}.json"


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
