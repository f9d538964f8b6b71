"""The operators' pages say what there is."""

import re
from itertools import chain
from pathlib import Path

import pytest
from prometheus_client import REGISTRY

from chassis import metrics
from chassis.commands import commands

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/operating.md").read_text("utf-8")
SETTINGS = (ROOT / "docs/operating/settings.md").read_text("utf-8")
READ = re.compile(r"""(?:\benv\.\w+|Env\(\)\.\w+|environ\.get)\(\s*f?"([^"]+)"|environ\[\s*"([^"]+)"\]""")
DEFAULT = re.compile(r'env\.(?:int|str|float)\("(\w+)", (?:"([^"]+)"|([\d_]+))\)')
FOR_LIBRARIES = {"SSL_CERT_FILE", "OTEL_TRACES_SAMPLER", "OTEL_…", "PSYCOPG_WAIT_FUNC"}
"""What libraries read, or we set for them."""


def code() -> str:
    modules = chain((ROOT / "chassis/chassis").rglob("*.py"), (ROOT / "services").glob("*/*/**/*.py"))
    return "\n".join(path.read_text("utf-8") for path in modules if not {"tests", "testing"} & set(path.parts))


def read_by(source: str) -> set[str]:
    names = {first or second for first, second in READ.findall(source)} - FOR_LIBRARIES
    return {name.replace("{service.upper()}", "<SERVICE>") for name in names}


def listed() -> dict[str, str]:
    """Each setting of the page, with what stands as its default."""
    found = {}
    for line in SETTINGS.splitlines():
        if line.startswith("| `"):
            names, default, *_ = (cell.strip() for cell in line.strip("|").split("|"))
            keys = re.findall(r"`([^`]+)`", names)
            found |= dict(zip(keys, [one.strip() for one in default.split(",")] if len(keys) > 1 else [default] * len(keys), strict=False))
    return found


def test_every_setting_that_the_code_reads_is_on_the_page_and_none_that_it_does_not() -> None:
    assert read_by(code()) == listed().keys() - FOR_LIBRARIES


@pytest.mark.parametrize(
    "line", ['env.str("NEW_ONE", "x")', 'os.environ.get("NEW_ONE", "")', 'os.environ["NEW_ONE"]', 'Env().str("NEW_ONE")']
)
def test_a_new_setting_would_be_noticed(line: str) -> None:
    assert read_by(line) == {"NEW_ONE"}


def test_the_page_says_the_defaults_that_the_code_has() -> None:
    page = listed()
    defaults = {name: text or number.replace("_", "") for name, text, number in DEFAULT.findall(code())}
    assert len(defaults) > 20
    assert {name: page[name] for name, default in defaults.items() if f"`{default}`" not in page[name]} == {}


def test_the_page_names_every_metric_of_the_chassis_and_none_that_is_not_there() -> None:
    assert metrics.outbox_age
    there = {name for name in REGISTRY._names_to_collectors if name.startswith("duijie_")}
    named = set(re.findall(r"`(duijie_[a-z_]+)`", PAGE))
    of_matching = {"duijie_cleared_total", "duijie_proposals_total", "duijie_revised_total", "duijie_audit_offended"}
    assert named - of_matching <= there
    bare = {re.sub(r"_(total|bucket|count|sum|created)$", "", name) for name in there}
    assert bare <= {re.sub(r"_total$", "", name) for name in named}


def test_every_command_is_on_the_operators_page() -> None:
    assert {name for name in commands() if f"`duijie {name} " not in PAGE and f"`duijie {name}`" not in PAGE} == set()


def test_every_page_that_these_pages_lead_to_is_there() -> None:
    for page in [ROOT / "docs/operating.md", *(ROOT / "docs/operating").glob("*.md")]:
        for link in re.findall(r"\]\(([^)#:]+)\)", page.read_text("utf-8")):
            assert (page.parent / link).exists(), f"{page.name}: {link}"
