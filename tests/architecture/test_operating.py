"""The operators' pages say what there is."""

import re
from itertools import chain
from pathlib import Path

import pytest

from chassis.commands import commands
from tests.deploy.promtool import rendered

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/operating.md").read_text("utf-8")
WATCHING = (ROOT / "docs/operating/watching.md").read_text("utf-8")
SETTINGS = (ROOT / "docs/operating/settings.md").read_text("utf-8")
READ = re.compile(r"""(?:\benv\.\w+\(|Env\(\)\.\w+\(|environ\.get\(|\b\w+\(env,)\s*f?"([^"]+)"|environ\[\s*"([^"]+)"\]""")
DEFAULT = re.compile(r'env\.(?!is_any_set\b)\w+\("(\w+)", (?:"([^"]+)"|([\d_]+))[,)]')
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


def test_settings_page_lists_exactly_the_settings_read() -> None:
    assert read_by(code()) == listed().keys() - FOR_LIBRARIES


@pytest.mark.parametrize(
    "line",
    [
        'env.rate("NEW_ONE", "x")',
        'os.environ.get("NEW_ONE", "")',
        'os.environ["NEW_ONE"]',
        'Env().str("NEW_ONE")',
        '_pairs(env, "NEW_ONE", "x")',
    ],
)
def test_a_new_setting_would_be_noticed(line: str) -> None:
    assert read_by(line) == {"NEW_ONE"}


def environment_readers(services: Path) -> set[str]:
    """Return the modules of services that read the environment past their settings, as `service/module.py`."""
    reads = re.compile(r"\bos\.(environ|getenv)\b|\bfrom os import\b")
    paths = (path for path in services.glob("*/*/**/*.py") if "tests" not in path.relative_to(services).parts)
    return {str(path.relative_to(services)) for path in paths if reads.search(path.read_text("utf-8"))}


def test_services_read_the_environment_through_settings_only() -> None:
    assert environment_readers(ROOT / "services") == set()


def test_service_that_reads_the_environment_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "needs/needs").mkdir(parents=True)
    (tmp_path / "needs/needs/clock.py").write_text('import os\nHOURS = os.environ.get("HOURS", "1")\n')
    assert environment_readers(tmp_path) == {"needs/needs/clock.py"}


def test_the_page_says_the_defaults_that_the_code_has() -> None:
    page = listed()
    defaults = {name: text or number.replace("_", "") for name, text, number in DEFAULT.findall(code())}
    assert len(defaults) > 20
    assert {name: page[name] for name, default in defaults.items() if f"`{default}`" not in page[name]} == {}


def metrics_of(page: str) -> set[str]:
    return {re.sub(r"_total$", "", name) for name in re.findall(r"`(duijie_[a-z_]+)`", page)}


def metrics_of_code() -> set[str]:
    """Read in the source, since some are matching's, which counts only where it is loaded."""
    return {
        re.sub(r"_total$", "", name) for name in re.findall(r'(?:Counter|Gauge|Histogram|GaugeMetricFamily)\(\s*"(duijie_[a-z_]+)"', code())
    }


def alerts_of(page: str) -> set[str]:
    return set(re.findall(r"^### (Duijie\w+)$", page, re.MULTILINE))


def alerts_of_chart() -> dict[str, str]:
    """Each alert with the place to which it leads."""
    return {rule["alert"]: rule["annotations"]["runbook_url"] for rule in rendered()}


def test_watching_page_lists_exactly_the_metrics() -> None:
    assert len(metrics_of_code()) > 10
    assert metrics_of(WATCHING) == metrics_of_code()


def test_watching_page_has_a_runbook_for_every_alert() -> None:
    assert alerts_of(WATCHING) == alerts_of_chart().keys()
    assert all(place == f"docs/operating/watching.md#{alert.lower()}" for alert, place in alerts_of_chart().items())


@pytest.mark.parametrize("line", ["`duijie_moods_total`", "### DuijieIsSad"])
def test_a_metric_or_an_alert_that_is_not_there_would_be_noticed(line: str) -> None:
    page = f"{WATCHING}\n{line}\n"
    assert metrics_of(page) != metrics_of_code() or alerts_of(page) != alerts_of_chart().keys()


def test_every_command_is_on_the_operators_page() -> None:
    assert {name for name in commands() if f"`duijie {name} " not in PAGE and f"`duijie {name}`" not in PAGE} == set()


def test_every_page_that_these_pages_lead_to_is_there() -> None:
    for page in [ROOT / "docs/operating.md", *(ROOT / "docs/operating").glob("*.md")]:
        for link in re.findall(r"\]\(([^)#:]+)\)", page.read_text("utf-8")):
            assert (page.parent / link).exists(), f"{page.name}: {link}"
