"""docs/chassis.md: its signatures are those of the code, its examples are parts of the service that the template makes."""

import ast
import inspect
import re
import sys
import textwrap
from functools import reduce
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from copier import run_copy

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/chassis.md").read_text("utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
SIGNATURES, EXAMPLE, GAP = re.compile(r"^# module: (\S+)\n", re.MULTILINE), re.compile(r"# ((?:reviews|contracts)/\S+\.py)\n"), "# …\n"


def stated(page: list[str]) -> list[tuple[str, ast.stmt]]:
    """List the functions and classes that the page states, each with its module."""
    parts = [part for block in page if SIGNATURES.match(block) for part in zip(*[iter(SIGNATURES.split(block)[1:])] * 2, strict=True)]
    return [(module, statement) for module, code in parts for statement in ast.parse(code).body]


def difference(module: str, said: ast.stmt, owner: Any = None) -> list[str]:
    """Compare one statement of the page with the code; return what differs."""
    assert isinstance(said, ast.FunctionDef | ast.ClassDef)
    found = inspect.getattr_static(owner or import_module(module), said.name, None)
    found = next((getattr(found, wraps) for wraps in ("fget", "func", "__func__") if hasattr(found, wraps)), found)
    if found is None:
        return [f"{module} has no {said.name}"]
    [real] = ast.parse(textwrap.dedent(inspect.getsource(inspect.unwrap(found)))).body
    if isinstance(said, ast.FunctionDef):
        assert isinstance(real, ast.FunctionDef)
        same = ast.dump(said.args) == ast.dump(real.args) and ast.dump(said.returns or said) == ast.dump(real.returns or real)
        return [] if same else [f"{module}.{said.name}({ast.unparse(real.args)})"]
    assert isinstance(real, ast.ClassDef)
    fields = {ast.dump(one) for one in real.body if isinstance(one, ast.AnnAssign)}
    wrong = [f"{said.name}: {ast.unparse(one)}" for one in said.body if isinstance(one, ast.AnnAssign) and ast.dump(one) not in fields]
    return wrong + [line for one in said.body if isinstance(one, ast.FunctionDef) for line in difference(module, one, found)]


def differences(page: list[str]) -> list[str]:
    return [line for module, statement in stated(page) for line in difference(module, statement)]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Render the template as the service `reviews`."""
    folder = tmp_path_factory.mktemp("made")
    run_copy(str(ROOT / "deploy/template"), str(folder), data={"name": "reviews", "kind": "full"}, defaults=True, quiet=True)
    return folder


def strange(page: list[str], made: Path) -> list[str]:
    """List the parts of the page's examples that the made service does not hold."""
    found = []
    for block in page:
        if named := EXAMPLE.match(block):
            path = named[1]
            places = (
                [made / "contracts" / path]
                if path.startswith("contracts/")
                else [made / "services/reviews" / path, made / "services" / path]
            )
            code = "".join(place.read_text("utf-8") for place in places if place.exists())
            found += [f"{path}: {part}" for part in block[named.end() :].split(GAP) if part.strip("\n") not in code]
    return found


def test_signatures_on_the_page_are_those_of_the_code() -> None:
    assert len(stated(BLOCKS)) > 20
    assert differences(BLOCKS) == []


def test_a_changed_signature_on_the_page_is_noticed() -> None:
    changed = [block.replace("at_once: int = 10", "at_once: int = 9") for block in BLOCKS]
    assert [line.partition("(")[0] for line in differences(changed)] == ["chassis.messaging.events.handles"]
    renamed = [block.replace("    where: Any", "    filter: Any").replace("def manages(", "def rules(") for block in BLOCKS]
    assert differences(renamed) == ["chassis.http.auth has no rules", "Snapshot: filter: Any = True"]


def test_examples_on_the_page_are_parts_of_a_new_service(made: Path) -> None:
    assert sum(1 for block in BLOCKS if EXAMPLE.match(block)) > 12
    assert strange(BLOCKS, made) == []


def test_an_example_that_no_new_service_holds_is_noticed(made: Path) -> None:
    changed = [block.replace("skip_locked=True", "nowait=True") for block in BLOCKS]
    assert [line.partition(":")[0] for line in strange(changed, made)] == ["reviews/actions.py"]


def test_examples_that_stand_alone_run(monkeypatch: pytest.MonkeyPatch) -> None:
    alone = [block for block in BLOCKS if not SIGNATURES.match(block) and not EXAMPLE.match(block)]
    assert len(alone) == 4
    for number, block in enumerate(alone):
        module = ModuleType(f"example_{number}")
        monkeypatch.setitem(sys.modules, module.__name__, module)
        exec(compile(block, module.__name__, "exec"), module.__dict__)


def test_every_module_in_the_table_of_the_page_exists() -> None:
    rows = [line.split("|")[2] for line in PAGE.splitlines() if line.startswith("| ") and "`" in line]
    modules = [name for row in rows for name in re.findall(r"`([\w.]+)`", row)]
    assert len(modules) > 12
    assert reduce(lambda seen, name: [*seen, import_module(name).__name__], modules, []) == modules
