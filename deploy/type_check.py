"""The strict type check of contracts, chassis, all listed services, deploy and bench: `python -m deploy.type_check`."""

import os
import subprocess
import sys
from pathlib import Path

from deploy.services import services

ROOT = Path(__file__).resolve().parents[1]


def mypy_command() -> list[str]:
    """Return mypy's command line, with one package per service."""
    packages = ["contracts", "chassis", *services(), "deploy", "bench"]
    return [sys.executable, "-m", "mypy", "--no-error-summary", *(word for package in packages for word in ("--package", package))]


def search_path() -> str:
    """Return mypy's search path: packages are found in the tree, not where they are installed."""
    folders = [ROOT, ROOT / "contracts", ROOT / "chassis", *(ROOT / "services" / name for name in services())]
    return os.pathsep.join(map(str, folders))


def main() -> None:
    sys.exit(subprocess.run(mypy_command(), cwd=ROOT, env={**os.environ, "MYPYPATH": search_path()}, check=False).returncode)


if __name__ == "__main__":
    main()
