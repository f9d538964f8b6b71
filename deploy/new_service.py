"""Makes a service from the template: `python -m deploy.new_service reviews [--kind listener]`. All of it, or nothing when it fails."""

import argparse
import importlib.util
import keyword
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from copier import run_copy

from deploy.services import owner_of, services

HERE = Path(__file__).resolve().parent
SERVICES, LIST = HERE.parent / "services", HERE / "services.toml"
RUFF = str(Path(sys.executable).with_name("ruff"))
BLOCKS = {
    "full": '\n[{name}]\nport = {port}\npaths = ["/v1/{name}"]\n'
    'roles = {{ web = "chassis.http", worker = "chassis.worker", relay = "chassis.relay" }}\nsecrets = ["SEAL_KEYS"]\n',
    "listener": '\n[{name}]\nroles = {{ worker = "chassis.worker", relay = "chassis.relay" }}\n',
}
NEXT = """\
services/{name} stands, is listed in deploy/services.toml and installed.
  try it:     .venv/bin/python -m pytest services/{name} -q && make lint
  make it so: rename Note and Need to what {name} is about, in model.py, actions.py, worker.py and the migration
  read on:    docs/new-service.md; services/{name}/README.md says what it owns, answers, tells and listens to"""


def refusal(name: str) -> str | None:
    """Why no service can have this name; None when one can."""
    if not re.fullmatch(r"[a-z]{2,30}", name):
        return "a service is named by one lower-case English noun of 2 to 30 letters: make service name=reviews"
    owner = owner_of(f"/v1/{name}")
    hides = name in sys.stdlib_module_names or importlib.util.find_spec(name)
    spoken = importlib.util.find_spec(f"contracts.{name}")
    reasons = {
        f"there is a service {name} already": name in services() or (SERVICES / name).exists(),
        f"/v1/{name} is answered by {owner.name if owner else ''} already": owner,
        f"{name} is a word of Python's own": keyword.iskeyword(name) or keyword.issoftkeyword(name),
        f"there is a package {name} already, which the service would hide": hides,
        f"contracts.{name} stands already: what a service tells is defined by the module of its own name": spoken,
        "postgres is the database server's own database": name == "postgres",
    }
    return next((why for why, is_so in reasons.items() if is_so), None)


def make(name: str, kind: str) -> None:
    """The folder from the template, the block in the list, the installation, the generated files.

    Raises what one of them raises, with a note about everything of it that could not be undone.
    """
    folder, listed = SERVICES / name, LIST.read_text("utf-8")
    port = max(service.port or 0 for service in services().values()) + 1
    try:
        run_copy(str(HERE / "template"), str(folder), data={"name": name, "kind": kind}, defaults=True, quiet=True)
        # Where the name stands in the alphabet decides the order of the imports.
        subprocess.run([RUFF, "check", "--quiet", "--fix", "--select", "I", str(folder)], check=True)
        LIST.write_text(listed + BLOCKS[kind].format(name=name, port=port), "utf-8")
        _pip("install", "--no-deps", "--no-build-isolation", "--editable", str(folder))
        _generate()
    except BaseException as error:
        for left in _undo(name, listed):
            error.add_note(left)
        raise


def _undo(name: str, listed: str) -> list[str]:
    """Takes back what `make` does, one thing whatever became of another; says what may be left."""
    folder = SERVICES / name
    steps: dict[str, Callable[[], object]] = {
        "its block in deploy/services.toml": lambda: LIST.write_text(listed, "utf-8"),
        f"the folder services/{name}": lambda: folder.exists() and shutil.rmtree(folder),
        f"the installed package duijie-{name}": lambda: _pip("uninstall", "--yes", f"duijie-{name}"),
        "its part of the generated files (make generate)": _generate,
    }
    left = []
    for what, undo in steps.items():
        try:
            undo()
        except (OSError, subprocess.CalledProcessError):
            left.append(what)
    return left


def _pip(*words: str) -> None:
    _run("pip", "--disable-pip-version-check", "--quiet", *words)


def _generate() -> None:
    _run("deploy.generate")
    _run("deploy.lint_api", "--types")


def _run(*words: str) -> None:
    subprocess.run([sys.executable, "-W", "ignore", "-m", *words], cwd=HERE.parent, check=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name")
    parser.add_argument("--kind", choices=sorted(BLOCKS), default="full")
    asked = parser.parse_args()
    if why := refusal(asked.name):
        sys.exit(why)
    try:
        make(asked.name, asked.kind)
    except subprocess.CalledProcessError as error:
        left = ", ".join(getattr(error, "__notes__", []))
        sys.exit(f"{' '.join(error.cmd)} failed, see above; {f'what may be left: {left}' if left else 'nothing was left behind'}")
    print(NEXT.format(name=asked.name))


if __name__ == "__main__":
    main()
