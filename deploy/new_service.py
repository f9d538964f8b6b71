"""Command that makes a service from the template: `python -m deploy.new_service reviews [--kind listener]`.

It makes all of the service, or nothing when a step fails.
"""

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
ROOT = HERE.parent
SERVICES, CONTRACTS, LIST = ROOT / "services", ROOT / "contracts/contracts", HERE / "services.toml"
RUFF = str(Path(sys.executable).with_name("ruff"))
BLOCKS = {
    "full": '\n[{name}]\nport = {port}\npaths = ["/v1/{name}"]\n'
    'roles = {{ web = "chassis.http", worker = "chassis.worker", relay = "chassis.relay" }}\nsecrets = ["SEAL_KEYS", "FINGERPRINT_KEY"]\n',
    "listener": '\n[{name}]\nroles = {{ worker = "chassis.worker", relay = "chassis.relay" }}\n',
}
NEXT = """\
services/{name} stands, is listed in deploy/services.toml and installed.
  try it:     .venv/bin/python -m pytest services/{name} -q && make lint
  make it so: put what {name} is about in place of its notes; docs/new-service.md leads from file to file
  read on:    docs/chassis.md has every public name with an example"""


def refusal(name: str) -> str | None:
    """Return why no service can have this name; None when one can."""
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
    """Render the template, add the block to the list, install the service, generate files.

    When a step raises, undo the others. The error carries a note about each thing that could not be undone.
    """
    folder, listed = SERVICES / name, LIST.read_text("utf-8")
    made = [folder, CONTRACTS / f"{name}.py"] if kind == "full" else [folder]
    port = max(service.port or 0 for service in services().values()) + 1
    try:
        run_copy(str(HERE / "template"), str(ROOT), data={"name": name, "kind": kind}, defaults=True, quiet=True)
        # The order of imports and the breaks of lines depend on the name.
        for command in (["check", "--fix", "--select", "I"], ["format"]):
            subprocess.run([RUFF, *command, "--quiet", *map(str, made)], check=True)
        LIST.write_text(listed + BLOCKS[kind].format(name=name, port=port), "utf-8")
        _pip("install", "--no-deps", "--no-build-isolation", "--editable", str(folder))
        _generate()
    except BaseException as error:
        for left in _undo(name, listed):
            error.add_note(left)
        raise


def _undo(name: str, listed: str) -> list[str]:
    """Undo each step of `make`, even when undoing another fails; return what may be left."""
    folder = SERVICES / name

    def remove_folder() -> None:
        if folder.exists():
            shutil.rmtree(folder)

    steps: dict[str, Callable[[], object]] = {
        "its block in deploy/services.toml": lambda: LIST.write_text(listed, "utf-8"),
        f"the folder services/{name}": remove_folder,
        f"the module contracts/contracts/{name}.py": lambda: (CONTRACTS / f"{name}.py").unlink(missing_ok=True),
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
    subprocess.run([sys.executable, "-W", "ignore", "-m", *words], cwd=ROOT, check=True)


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
