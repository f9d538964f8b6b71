"""Releases by tag from the changelog: `make release VERSION=x.y.z`."""

import argparse
import re
import subprocess
import sys
import tomllib
from datetime import UTC, date, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
UNRELEASED = "## Unreleased\n"
SEMVER = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)")
VERSION_LINES = {".yaml": r'(?m)^(version: |appVersion: ")[^"\n]*("?)$'}
"""Patterns of the version by a file's suffix; all other files are read as pyproject.toml."""
NEXT = """\
Version {version} is committed and tagged as {tag}. Nothing was pushed.
  look at it:  git show {tag}
  publish it:  git push --atomic origin main {tag}
  then:        make images, and push the images as {version} (docs/operating.md, Images)
  undo it:     git tag -d {tag} && git reset --hard HEAD~1"""


class ReleaseRefused(Exception):
    """A release that cannot be made now; the text says why."""


def release(root: Path, version: str, day: date) -> str:
    """Make a release in the repository at `root` and return its tag; push nothing.

    Moves the changelog's Unreleased section under the version and `day`, sets the version in every file that holds it, commits
    and tags. Raises `ReleaseRefused` when a check fails, `CalledProcessError` when a step fails; the repository is then as it was before.
    """
    notes, tag = check(root, version), f"v{version}"
    before = _git(root, "rev-parse", "HEAD").strip()
    try:
        if contracts_changed(root):
            subprocess.run(["make", "--no-print-directory", "release-contracts"], cwd=root, check=True)
        _move_unreleased(root / "CHANGELOG.md", version, day)
        for path in versioned_files(root):
            _set_version(path, version)
        _git(root, "commit", "--quiet", "--all", f"--message=chore(release): {version}")
        # Without `--cleanup` git drops the section's headings: they begin with its comment character.
        _git(root, "tag", "--annotate", "--cleanup=whitespace", "--file=-", tag, text=f"Duijie {version}\n\n{notes}\n")
    except BaseException:
        _git(root, "reset", "--quiet", "--hard", before)
        raise
    return tag


def check(root: Path, version: str) -> str:
    """Return the text of the Unreleased section. Raises `ReleaseRefused` when `version` cannot be released now."""
    if not SEMVER.fullmatch(version):
        raise ReleaseRefused(f"'{version}' is not a version: make release VERSION=x.y.z, as https://semver.org says")
    if changes := _git(root, "status", "--porcelain"):
        raise ReleaseRefused(f"The tree is not clean; commit or remove this first:\n{changes.rstrip()}")
    if (branch := _git(root, "branch", "--show-current").strip()) != "main":
        raise ReleaseRefused(f"Releases are made on main, not on {branch or 'a detached HEAD'}")
    if (last := last_version(root)) and _numbers(version) <= _numbers(last):
        raise ReleaseRefused(f"{version} is not greater than the last release, {last}")
    notes = unreleased((root / "CHANGELOG.md").read_text("utf-8"))
    if not any(line.strip() and not line.startswith("#") for line in notes.splitlines()):
        raise ReleaseRefused("The section Unreleased of CHANGELOG.md is empty or missing: nothing to release")
    return notes


def last_version(root: Path) -> str | None:
    """Return the greatest version among tags `vx.y.z`, None without one."""
    tags = (tag.removeprefix("v") for tag in _git(root, "tag", "--list", "v*").split())
    return max((tag for tag in tags if SEMVER.fullmatch(tag)), key=_numbers, default=None)


def unreleased(changelog: str) -> str:
    """Return the text of the Unreleased section without its heading."""
    _, _, rest = changelog.partition(UNRELEASED)
    return re.split(r"(?m)^## ", rest, maxsplit=1)[0].strip()


def contracts_changed(root: Path) -> bool:
    """Return True when the documents of API and events differ from the last release, or something is noted as retired."""
    folder = root / "contracts/released"
    retired = tomllib.loads((folder / "retired.toml").read_text("utf-8"))
    return any(retired.values()) or any(
        (folder / name).read_bytes() != (root / "docs/api" / name).read_bytes() for name in ("asyncapi.json", "openapi.json")
    )


def versioned_files(root: Path) -> list[Path]:
    """Every file that holds the version: the workspace's pyproject.toml files, the template's and the chart."""
    workspace = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["tool"]["uv"]["workspace"]["members"]
    members = sorted(path for pattern in workspace for path in root.glob(f"{pattern}/pyproject.toml"))
    return [
        root / "pyproject.toml",
        *members,
        root / "deploy/template/tree/services/{{ name }}/pyproject.toml.jinja",
        root / "deploy/chart/Chart.yaml",
    ]


def _move_unreleased(path: Path, version: str, day: date) -> None:
    text = path.read_text("utf-8")
    path.write_text(text.replace(UNRELEASED, f"{UNRELEASED}\n## {version} ({day.isoformat()})\n", 1), "utf-8")


def _set_version(path: Path, version: str) -> None:
    line = VERSION_LINES.get(path.suffix, r'(?m)^(version = ")[^"\n]*(")$')
    text, count = re.subn(line, rf"\g<1>{version}\g<2>", path.read_text("utf-8"))
    if not count:
        raise ReleaseRefused(f"{path} holds no line with its version")
    path.write_text(text, "utf-8")


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


def _git(root: Path, *words: str, text: str | None = None) -> str:
    return subprocess.run(["git", *words], cwd=root, check=True, input=text, stdout=subprocess.PIPE, text=True).stdout


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("version")
    version = parser.parse_args().version
    try:
        tag = release(ROOT, version, datetime.now(UTC).date())
    except ReleaseRefused as why:
        sys.exit(str(why))
    except subprocess.CalledProcessError as error:
        sys.exit(f"{' '.join(map(str, error.cmd))} failed, see above; the repository is as it was before")
    print(NEXT.format(version=version, tag=tag))


if __name__ == "__main__":
    main()
