"""Twins fail for the lack of their guard, not for a name that moved."""

import os
import subprocess
import sys
from pathlib import Path

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
