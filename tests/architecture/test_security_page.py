"""The pages of security requirements and of answered SMS name tests that exist; each requirement stands there once."""

import re
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/security.md").read_text("utf-8")
ANSWERED = (ROOT / "docs/answered-sms.md").read_text("utf-8")
FOLDERS = ("chassis/tests", "tests", "services")


def unknown_tests(page: str) -> set[str]:
    """Return the tests that the page names and no file defines."""
    defined = {
        name
        for folder in FOLDERS
        for path in (ROOT / folder).rglob("test_*.py")
        for name in re.findall(r"^(?:async )?def (test_\w+)\(", path.read_text("utf-8"), re.MULTILINE)
    }
    return set(re.findall(r"`(test_\w+)`", page)) - defined


def test_security_page_names_tests_that_exist() -> None:
    assert unknown_tests(PAGE) == set()


def test_page_of_answered_sms_names_tests_that_exist() -> None:
    tried = [row for row in ANSWERED.partition("| tried |")[2].splitlines() if row.startswith("| ") and "---" not in row]
    assert [row for row in tried[1:] if "`test_" not in row] == []
    assert unknown_tests(ANSWERED) == set()


def test_unknown_test_on_the_security_page_is_noticed() -> None:
    assert unknown_tests("`test_of_nothing` `test_security_page_names_tests_that_exist`") == {"test_of_nothing"}


def test_security_page_has_one_row_for_each_requirement() -> None:
    named = Counter(
        number for row in re.findall(r"^\| (\d[^|]*)\|", PAGE, re.MULTILINE) for number in re.findall(r"\b\d+\.\d+\.\d+\b", row)
    )
    assert [number for number, times in named.items() if times > 1] == []
    assert len(named) > 100


def test_each_row_has_a_test_or_says_what_is_missing() -> None:
    rows = [row for row in PAGE.splitlines() if re.match(r"\| \d", row)]
    without = [row for row in rows if "`test_" not in row and "not yet" not in row and not row.endswith("| |")]
    assert without == []
