"""Twins fail for the lack of their guard, not for a name that moved."""

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

TWIN = """
import pytest

@pytest.mark.xfail(strict=True, reason="without the guard")
def test_twin():
    {}
"""


def run_twin(folder: Path, body: str) -> int:
    (folder / "test_twin.py").write_text(TWIN.format(body))
    command = [sys.executable, "-m", "pytest", "-q", "-p", "chassis.testing.twins", "-p", "no:cacheprovider", "--rootdir", folder, folder]
    # Without plugins it starts in a fifth of the time.
    environment = os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, check=False).returncode


def test_twin_that_lacks_its_guard_passes_as_expected(tmp_path: Path) -> None:
    assert run_twin(tmp_path, "assert 1 == 2") == 0


def test_twin_with_a_moved_name_fails(tmp_path: Path) -> None:
    assert run_twin(tmp_path, "import math; math.moved_elsewhere") == 1


def test_twin_whose_process_does_not_start_fails(tmp_path: Path) -> None:
    assert run_twin(tmp_path, "from chassis.testing.twins import Unusable; raise Unusable") == 1


CHANGES = Path(__file__).parent / "house/otherwise.py"


def replaced_names(source: str) -> Iterator[tuple[str, bool]]:
    """Yield each attribute that a change replaces, and whether it exists beforehand."""
    tree = ast.parse(source)
    for change in (node for node in tree.body if isinstance(node, ast.FunctionDef)):
        imports: list[ast.stmt] = [node for node in (*tree.body, *change.body) if isinstance(node, ast.Import | ast.ImportFrom)]
        names: dict[str, object] = {}
        exec(compile(ast.Module(imports, []), "<imports>", "exec"), names)
        for node in change.body:
            for target in node.targets if isinstance(node, ast.Assign) else ():
                if isinstance(target, ast.Attribute):
                    yield ast.unparse(target), hasattr(eval(ast.unparse(target.value), names), target.attr)


def test_changes_replace_names_that_exist(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(CHANGES.parent)
    replaced = dict(replaced_names(CHANGES.read_text()))
    assert len(replaced) > 10
    assert [name for name, exists in replaced.items() if not exists] == []


def test_replaced_name_that_has_moved_is_found() -> None:
    assert dict(replaced_names("def change():\n    import math\n    math.sinus = None\n")) == {"math.sinus": False}
