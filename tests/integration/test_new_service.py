"""`make service` in a copy of the tree: a new service passes lint and its own tests untouched, and can be removed without a trace."""

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Iterator
from pathlib import Path

import pytest

from chassis.testing.campaigns import WHOLE
from deploy import lint_api, new_service

ROOT = Path(__file__).resolve().parents[2]
LEFT_OUT = shutil.ignore_patterns(".git", ".venv", "var", "dist", "node_modules", "__pycache__", ".hypothesis", ".ruff_cache")
MADE = {"almanacs": "listener", "gazettes": "full"} if WHOLE else {"gazettes": "full"}


class Copy:
    """A copy of the tree with commands of its own. It uses the libraries of the original."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        shutil.copytree(ROOT, folder, ignore=LEFT_OUT)
        venv.create(folder / ".venv")
        [packages] = (folder / ".venv").glob("lib/python*/site-packages")
        members = [path.parent for path in folder.rglob("pyproject.toml") if ".venv" not in path.parts]
        (packages / "copy.pth").write_text("\n".join(map(str, [*members, sysconfig.get_path("purelib")])))
        (folder / ".venv/bin/ruff").symlink_to(Path(sys.executable).with_name("ruff"))
        (folder / ".venv/.ready").touch()
        (folder / ".venv/tools").symlink_to(ROOT / ".venv/tools")
        for packages in (lint_api.LINT, lint_api.CLIENT):
            lint_api.install(packages)
            (folder / packages.relative_to(ROOT) / "node_modules").symlink_to(packages / "node_modules")
        for words in (["init", "-q"], ["add", "-A"], ["-c", "user.name=a", "-c", "user.email=a@example.org", "commit", "-qm", "as it was"]):
            self.run("git", *words)

    def run(self, *words: str, fails: bool = False) -> str:
        """Run a command and return its output. Fails unless the command ends as expected."""
        environment = {name: value for name, value in os.environ.items() if name not in {"MAKEFLAGS", "MAKELEVEL", "VIRTUAL_ENV"}}
        outcome = subprocess.run(words, cwd=self.folder, env=environment, capture_output=True, text=True, check=False)
        assert (outcome.returncode != 0) is fails, outcome.stdout + outcome.stderr
        return outcome.stdout + outcome.stderr

    def changes(self) -> list[str]:
        return self.run("git", "status", "--porcelain").splitlines()

    def named(self, *services: str) -> list[Path]:
        """List files and folders that bear a service's name; git does not see empty folders."""
        found = [path for name in services for path in self.folder.rglob(f"{name}*")]
        return [path for path in found if not {".venv", ".git", "__pycache__", ".mypy_cache"} & set(path.parts)]

    def restore(self) -> None:
        """Put back the committed tree and remove the services that were made."""
        for name in MADE:
            shutil.rmtree(self.folder / "services" / name, ignore_errors=True)
        self.run("git", "checkout", "-q", ".")
        self.run("git", "clean", "-fdq")


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Copy:
    return Copy(tmp_path_factory.mktemp("copy") / "tree")


@pytest.fixture
def copy(tree: Copy) -> Iterator[Copy]:
    """Hand out the copy, and restore it after each test: a failed test must not fail the next one."""
    yield tree
    tree.restore()


@pytest.mark.timeout(1500)
def test_new_services_pass_lint_and_tests_and_go_without_a_trace(copy: Copy) -> None:
    listed = (copy.folder / "deploy/services.toml").read_text()
    for name, kind in MADE.items():
        assert f"services/{name} stands" in copy.run("make", "service", f"name={name}", f"kind={kind}")
    tests = [*(f"services/{name}" for name in MADE), "tests/architecture/test_snapshots.py"]
    if WHOLE:
        copy.run("make", "lint")
        tests += ["tests/architecture/test_services.py", "tests/deploy/test_chart.py"]
    said = copy.run(".venv/bin/python", "-W", "ignore", "-m", "pytest", "-q", "-k", "not spoilt and not helm and not kubernetes", *tests)
    assert "failed" not in said
    chart = copy.run(
        ".venv/tools/bin/helm", "template", "duijie", "deploy/chart", "--set", "settings.PUBLIC_URL=https://duijie.example.org"
    )
    assert {name for name in MADE if f"name: duijie-{name}-worker" in chart and f"name: duijie-{name}-prepare" in chart} == MADE.keys()
    assert "name: duijie-gazettes-web" in chart
    assert [one for one in copy.changes() if one.startswith("?? services")] == [f"?? services/{name}/" for name in sorted(MADE)]
    for name in MADE:
        shutil.rmtree(copy.folder / "services" / name)
    (copy.folder / "contracts/contracts/gazettes.py").unlink()
    (copy.folder / "deploy/services.toml").write_text(listed)
    copy.run("make", "generate")
    assert copy.changes() == []
    assert copy.named(*MADE) == []


def test_a_failed_service_leaves_nothing_behind(copy: Copy) -> None:
    generate = copy.folder / "deploy/generate.py"
    stood = generate.read_text()
    generate.write_text("import pathlib\nif pathlib.Path('services/gazettes').exists():\n    raise SystemExit('out of order')\n" + stood)
    said = copy.run("make", "service", "name=gazettes", fails=True)
    assert "out of order" in said
    assert "nothing was left behind" in said
    assert copy.changes() == [" M deploy/generate.py"]
    assert copy.named("gazettes") == []
    generate.write_text(stood)


def test_a_step_that_cannot_be_undone_is_named_with_the_error(copy: Copy) -> None:
    generate, pyproject = copy.folder / "deploy/generate.py", copy.folder / "deploy/template/tree/services/{{ name }}/pyproject.toml.jinja"
    stood, stated = generate.read_text(), pyproject.read_text()
    generate.write_text("raise SystemExit('out of order')\n")
    pyproject.write_text("no such thing\n")
    said = copy.run("make", "service", "name=gazettes", fails=True)
    assert "what may be left: its part of the generated files (make generate)" in said
    assert "nothing was left behind" not in said
    [told] = [line for line in said.splitlines() if " failed, see above" in line]
    assert "ruff check" in told.partition(" failed")[0]
    generate.write_text(stood)
    pyproject.write_text(stated)
    assert copy.changes() == []


def test_the_command_refuses_a_taken_name_and_changes_nothing(copy: Copy) -> None:
    assert "there is a service needs already" in copy.run("make", "service", "name=needs", fails=True)
    assert copy.changes() == []


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("", "lower-case English noun"),
        ("Reviews", "lower-case English noun"),
        ("re views", "lower-case English noun"),
        ("../etc", "lower-case English noun"),
        ("r", "lower-case English noun"),
        ("match", "word of Python"),
        ("class", "word of Python"),
        ("queue", "a package queue already"),
        ("requests", "a package requests already"),
        ("contracts", "a package contracts already"),
        ("pledges", "/v1/pledges is answered by needs"),
        ("matching", "a service matching already"),
        ("event", "contracts.event stands already"),
        ("postgres", "the database server's own"),
    ],
)
def test_an_unusable_name_is_refused_with_the_reason(name: str, why: str) -> None:
    assert why in (new_service.refusal(name) or "")


def test_a_free_name_is_not_refused() -> None:
    assert new_service.refusal("gazettes") is None
