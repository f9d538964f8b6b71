"""Releases from the changelog, made in a scratch repository with the real Makefile and the real files that hold the version."""

import re
import shutil
import subprocess
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from deploy.release import ROOT, ReleaseRefused, contracts_changed, release, unreleased, versioned_files

DOCUMENTS = [f"{folder}/{name}.json" for folder in ("docs/api", "contracts/released") for name in ("asyncapi", "openapi")]
READ = ["Makefile", "contracts/released/retired.toml"]
ENTRY = "### contracts\n- `NeedRenewed` (needs): a need stays open for longer."
DAY = date(2026, 12, 1)
Change = Callable[[Path], object]


def git(root: Path, *words: str) -> str:
    return subprocess.run(["git", *words], cwd=root, check=True, capture_output=True, text=True).stdout


def commit(root: Path) -> None:
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--message=scratch")


def tag(root: Path, version: str) -> None:
    git(root, "tag", f"v{version}")


def rewrite(root: Path, text: str) -> None:
    (root / "CHANGELOG.md").write_text(text)
    commit(root)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository that may be released: on main, clean, with one unreleased entry and contracts as they were released."""
    root = tmp_path_factory.mktemp("release") / "made"
    for source in [*versioned_files(ROOT), *(ROOT / name for name in READ)]:
        target = root / source.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
    for name in DOCUMENTS:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text('{"info": {"version": "1"}}\n')
    (root / "requirements.txt").touch()
    git(root, "init", "--quiet", "--template=", "--initial-branch=main")
    git(root, "config", "user.name", "Somebody")
    git(root, "config", "user.email", "somebody@example.org")
    rewrite(root, f"# Changelog\n\n## Unreleased\n\n{ENTRY}\n\n## 900.0.0 (2026-11-01)\n- The one before.\n")
    tag(root, "900.0.0")
    return root


@pytest.fixture
def scratch(made: Path, tmp_path: Path) -> Path:
    return shutil.copytree(made, tmp_path / "scratch")


def test_release_moves_the_unreleased_section_under_its_version(scratch: Path) -> None:
    release(scratch, "900.1.0", DAY)
    changelog = (scratch / "CHANGELOG.md").read_text()
    assert f"## Unreleased\n\n## 900.1.0 (2026-12-01)\n\n{ENTRY}\n\n## 900.0.0" in changelog
    assert unreleased(changelog) == ""


def test_release_sets_the_version_in_every_file_that_holds_it(scratch: Path) -> None:
    release(scratch, "900.1.0", DAY)
    found = {
        path.relative_to(scratch): re.findall(r'(?im)^(?:app)?version\W+([\w.]+)"?$', path.read_text()) for path in versioned_files(scratch)
    }
    assert {str(path) for path in found} >= {
        "pyproject.toml",
        "contracts/pyproject.toml",
        "chassis/pyproject.toml",
        "services/needs/pyproject.toml",
    }
    assert set(map(tuple, found.values())) == {("900.1.0",), ("900.1.0", "900.1.0")}


def test_release_is_one_commit_with_an_annotated_tag(scratch: Path) -> None:
    assert release(scratch, "900.1.0", DAY) == "v900.1.0"
    assert git(scratch, "status", "--porcelain") == ""
    assert git(scratch, "log", "--format=%s", "v900.0.0..v900.1.0").splitlines() == ["chore(release): 900.1.0"]
    assert git(scratch, "cat-file", "tag", "v900.1.0").endswith(f"Duijie 900.1.0\n\n{ENTRY}\n")


@pytest.mark.parametrize(
    ("spoil", "version", "why"),
    [
        (lambda root: (root / "README.md").touch(), "900.1.0", r"not clean.*\n\?\? README.md"),
        (lambda root: (root / "Makefile").write_text("all:\n"), "900.1.0", r"not clean.*\n M Makefile"),
        (lambda root: git(root, "switch", "--quiet", "--create", "fix"), "900.1.0", "on main, not on fix"),
        (lambda root: git(root, "switch", "--quiet", "--detach"), "900.1.0", "on main, not on a detached HEAD"),
        (lambda root: None, "900.1", "not a version"),
        (lambda root: None, "v900.1.0", "not a version"),
        (lambda root: None, "900.01.0", "not a version"),
        (lambda root: None, "900.1.0rc1", "not a version"),
        (lambda root: None, "900.0.0", "not greater than the last release, 900.0.0"),
        (lambda root: None, "899.9.9", "not greater than the last release, 900.0.0"),
        (lambda root: tag(root, "900.10.0"), "900.9.0", "not greater than the last release, 900.10.0"),
        (lambda root: rewrite(root, f"## Unreleased\n\n### contracts\n\n## 900.0.0\n{ENTRY}\n"), "900.1.0", "empty or missing"),
        (lambda root: rewrite(root, f"## 900.0.0\n{ENTRY}\n"), "900.1.0", "empty or missing"),
    ],
    ids=[
        "a new file", "a changed file", "another branch", "no branch", "two numbers", "a letter", "a leading nought", "a candidate",
        "the same version",
        "an older version", "numbers, not letters", "headings alone", "no section",
    ],
)  # fmt: skip
def test_release_is_refused_and_changes_nothing(scratch: Path, spoil: Change, version: str, why: str) -> None:
    spoil(scratch)
    before = state(scratch)
    with pytest.raises(ReleaseRefused, match=why):
        release(scratch, version, DAY)
    assert state(scratch) == before


def state(root: Path) -> tuple[str, ...]:
    return git(root, "rev-parse", "HEAD"), git(root, "tag"), git(root, "status", "--porcelain"), (root / "CHANGELOG.md").read_text()


def test_tags_of_other_kinds_are_not_releases(scratch: Path) -> None:
    tag(scratch, "1000-draft")
    assert release(scratch, "900.1.0", DAY) == "v900.1.0"


@pytest.mark.parametrize("broken", ["contracts cannot be released", "the tag cannot be made"])
def test_failed_step_leaves_the_repository_as_it_was(scratch: Path, broken: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if broken == "contracts cannot be released":
        (scratch / "docs/api/asyncapi.json").write_text("{}\n")
        commit(scratch)
        monkeypatch.setenv("PYTHON", "false")  # Without a .venv, make looks for a Python to make one.
    else:
        (scratch / ".git/refs/tags/v900.1.0.lock").touch()
    before = state(scratch)
    with pytest.raises(subprocess.CalledProcessError):
        release(scratch, "900.1.0", DAY)
    assert state(scratch) == before


def test_contracts_are_released_only_after_a_change(scratch: Path) -> None:
    assert not contracts_changed(scratch)
    (scratch / "contracts/released/retired.toml").write_text('[events]\nnotice_delivered = "nobody listens"\n')
    assert contracts_changed(scratch)


def test_changed_document_makes_contracts_due_for_release(scratch: Path) -> None:
    (scratch / "docs/api/openapi.json").write_text("{}\n")
    assert contracts_changed(scratch)
