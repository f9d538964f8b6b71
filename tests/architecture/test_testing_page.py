"""The table of docs/testing.md names every test that is shorter in `make test` than in `make check`, and no other."""

import re
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/testing.md"
SHORTENED = re.compile(r"from chassis\.testing\.(?:campaigns|stalled) import|\"CAMPAIGN\"")
TOOLS = ("conftest.py", "chassis/chassis/testing/campaigns.py", "tests/mutants/worker.py")
"""Files that ask whether a campaign runs without being a test that is shortened."""


def test_table_names_every_shortened_test() -> None:
    assert missing_rows(find_shortened(), find_rows(PAGE.read_text("utf-8"))) == []


def test_every_row_of_the_table_is_about_a_shortened_test() -> None:
    rows, shortened = find_rows(PAGE.read_text("utf-8")), find_shortened()
    assert rows
    assert [row for row in rows if not any(one.startswith(row) for one in shortened)] == []


def test_missing_row_is_found() -> None:
    assert missing_rows(["tests/faults/test_campaign.py", "tests/rolling/test_rolling.py"], ["tests/faults"]) == [
        "tests/rolling/test_rolling.py"
    ]


def find_rows(page: str) -> list[str]:
    """Return the files and folders in the first column of the table."""
    _, _, part = page.partition("## What is short in `make test`")
    cells = [line.split("|")[1] for line in part.partition("\n## ")[0].splitlines() if line.startswith("| ")]
    return [path for cell in cells for path in re.findall(r"`([\w./-]+/[\w./-]+)`", cell)]


def find_shortened() -> list[str]:
    """Return all files that ask whether a campaign runs, from the root of the repository."""
    here = Path(__file__)
    files = [path for folder in ("chassis", "services", "tests") for path in (ROOT / folder).rglob("*.py") if path != here]
    named = [str(path.relative_to(ROOT)) for path in files if SHORTENED.search(path.read_text("utf-8"))]
    return sorted(set(named) - set(TOOLS))


def missing_rows(files: Iterable[str], rows: Iterable[str]) -> list[str]:
    rows = tuple(rows)
    return [file for file in files if not file.startswith(rows)]
