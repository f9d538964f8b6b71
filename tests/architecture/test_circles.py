"""Circles of imports: none between modules and none between rooms, in the chassis and in every service of the list."""

import ast
import shutil
from collections.abc import Iterator, Mapping
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from deploy.services import services

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = {"chassis": ROOT / "chassis/chassis"} | {name: ROOT / "services" / name / name for name in services()}

Graph = dict[str, set[str]]


def modules_of(package: Path) -> dict[str, Path]:
    """Map the dotted name of every module below a package to its file; `__init__.py` bears the name of its folder."""
    found = {}
    for path in package.rglob("*.py"):
        parts = (package.name, *path.relative_to(package).with_suffix("").parts)
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imported_by(module: str, path: Path, known: Mapping[str, Path]) -> Iterator[str]:
    """Yield the known modules that a module imports, at its top, inside functions, and for type checking."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in known)
        elif isinstance(node, ast.ImportFrom):
            source = node.module or ""
            if node.level:
                folder = module.split(".") if path.name == "__init__.py" else module.split(".")[:-1]
                source = ".".join([*folder[: len(folder) - node.level + 1], *([node.module] if node.module else [])])
            named = {f"{source}.{alias.name}" for alias in node.names}
            yield from named & known.keys()
            if source in known and named - known.keys():
                yield source


@cache
def graph_of_modules(package: Path) -> Graph:
    known = modules_of(package)
    return {module: set(imported_by(module, path, known)) for module, path in known.items()}


def room_of(module: str) -> str:
    return ".".join(module.split(".")[:2])


def graph_of_rooms(modules: Graph) -> Graph:
    """Join the modules of each room, which is a folder or a file directly below the package."""
    rooms: Graph = {room_of(module): set() for module in modules}
    for module, imported in modules.items():
        rooms[room_of(module)] |= {room_of(one) for one in imported} - {room_of(module)}
    return rooms


def circle_in(graph: Graph) -> list[str]:
    """Return the members of one circle, the first repeated at the end; an empty list when there is none."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


@pytest.mark.parametrize("package", PACKAGES)
def test_no_modules_import_each_other_in_a_circle(package: str) -> None:
    graph = graph_of_modules(PACKAGES[package])
    assert any(graph.values())
    assert circle_in(graph) == []


@pytest.mark.parametrize("package", PACKAGES)
def test_no_rooms_import_each_other_in_a_circle(package: str) -> None:
    graph = graph_of_rooms(graph_of_modules(PACKAGES[package]))
    assert any(graph.values())
    assert circle_in(graph) == []


FORMS = {
    "module": "import {module}",
    "name of a package": "from {folder} import {name}",
    "name of a module": "from {module} import anything",
    "relative": "from {dots}{below} import anything",
    "in a function": "def late():\n    import {module}",
    "for types only": "if TYPE_CHECKING:\n    import {module}",
}
"""Import statements, each of which closes a circle as well as the others do."""
PLANTED = [*((package, "module") for package in PACKAGES), *(("matching", form) for form in FORMS if form != "module")]


@pytest.fixture
def copy(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A copy of the package that the test names."""
    package = PACKAGES[request.getfixturevalue("package")]
    return shutil.copytree(package, tmp_path / package.name, ignore=shutil.ignore_patterns("__pycache__", "*.xz"))


@pytest.mark.parametrize(("package", "form"), PLANTED)
def test_planted_circle_of_modules_is_found(copy: Path, package: str, form: str) -> None:
    upper, lower = plant(copy, form, of_rooms=False)
    assert {upper, lower} <= set(circle_in(graph_of_modules(copy)))


@pytest.mark.parametrize(("package", "form"), PLANTED)
def test_planted_circle_of_rooms_is_found(copy: Path, package: str, form: str) -> None:
    upper, lower = plant(copy, form, of_rooms=True)
    assert {room_of(upper), room_of(lower)} <= set(circle_in(graph_of_rooms(graph_of_modules(copy))))


def plant(package: Path, form: str, *, of_rooms: bool) -> tuple[str, str]:
    """Let the lower of two modules, one of which imports the other, import the upper one back; return the names of both."""
    files = modules_of(package)
    upper, lower = next(
        (upper, lower)
        for upper, imported in sorted(graph_of_modules(PACKAGES[package.name]).items())
        for lower in sorted(imported)
        if lower.count(".") and upper.count(".") and (room_of(upper) != room_of(lower) or not of_rooms)
    )
    path = files[lower]
    folder, _, name = upper.rpartition(".")
    dots = "." * len(path.relative_to(package).parts)
    line = FORMS[form].format(module=upper, folder=folder, name=name, dots=dots, below=upper.partition(".")[2])
    path.write_text(f"{path.read_text('utf-8')}\n{line}\n", "utf-8")
    return upper, lower


def test_rooms_may_form_a_circle_where_modules_do_not() -> None:
    modules: Graph = {"a.x.one": {"a.y.two"}, "a.y.two": set(), "a.y.three": {"a.x.four"}, "a.x.four": set()}
    assert circle_in(modules) == []
    assert set(circle_in(graph_of_rooms(modules))) == {"a.x", "a.y"}
