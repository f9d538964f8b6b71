"""The build of the pages in `clients/web`: `python -m deploy.pages`. It builds only what changed.

`--check` checks the types, `--image` builds for the image. `clients/web/dist` is whole whenever it is there. Its pages say that they show a
sandbox; those of the image do not.
"""

import fcntl
import hashlib
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from whitenoise.compress import main as compress

from deploy import lint_api

WEB = lint_api.WEB
DIST = WEB / "dist"
STAMP = ".built-of"
FOR_IMAGE = WEB / "dist.image"
LEFT_OUT = {"node_modules", "dist", "dist.new", "dist.image"}


def what_is_built() -> str:
    """Return what names the sources of the pages that were built last, "" before the first build."""
    stamp = DIST / STAMP
    return stamp.read_text() if stamp.exists() else ""


def is_built() -> bool:
    """Return whether the pages that were built last are those of the present sources."""
    return what_is_built() == _digest()


def build() -> None:
    """Build the sandbox's pages unless they are built. Two builds at once make one. Exits with the error of npm or Vite."""
    with (WEB / "package.json").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if is_built():
            return
        wanted, fresh = _digest(), WEB / "dist.new"
        build_into(fresh, is_sandbox=True)
        (fresh / STAMP).write_text(wanted)
        shutil.rmtree(DIST, ignore_errors=True)
        fresh.rename(DIST)


def build_into(folder: Path, *, is_sandbox: bool) -> None:
    """Build the pages into a folder, each file compressed beside itself. Exits with the error of npm or Vite."""
    lint_api.install(WEB)
    os.environ["DUIJIE_SANDBOX"] = "1" if is_sandbox else ""
    outcome = lint_api.run(WEB, ["node_modules/vite/bin/vite.js", "build", "--emptyOutDir", "--outDir", str(folder)])
    if outcome.returncode:
        sys.exit(outcome.stdout + outcome.stderr)
    compress(["--quiet", str(folder)])


def check() -> None:
    """Check the types of the pages. Exits with the compiler's faults."""
    lint_api.install(WEB)
    outcome = lint_api.run(WEB, ["node_modules/vue-tsc/bin/vue-tsc.js", "--noEmit"])
    if outcome.returncode:
        sys.exit(outcome.stdout + outcome.stderr)


def _digest() -> str:
    found = hashlib.sha256()
    for path in sorted(_sources()):
        found.update(str(path.relative_to(lint_api.ROOT)).encode() + b"\0" + path.read_bytes())
    return found.hexdigest()


def _sources() -> Iterator[Path]:
    for folder in (WEB, lint_api.CLIENT):
        for path in folder.iterdir():
            if path.name in LEFT_OUT:
                continue
            yield from (one for one in path.rglob("*") if one.is_file()) if path.is_dir() else [path]


if __name__ == "__main__":
    if "--check" in sys.argv:
        check()
    elif "--image" in sys.argv:
        build_into(FOR_IMAGE, is_sandbox=False)
    else:
        build()
