"""A Prometheus beside a running stack: every panel shows data, every alert finds its series."""

import math
import re
from collections.abc import Iterator
from typing import Any

import pytest

from deploy.watching.dashboard import ROWS, Panel, asked_now
from deploy.watching.prometheus import PROGRAM, Prometheus
from tests.deploy import promtool

from .conftest import World
from .test_story import Cast, eventually, pledge, proposed, published

pytestmark = pytest.mark.skipif(not PROGRAM.exists(), reason="Prometheus is installed by make deploy-test")
PANELS = [panel for panels in ROWS.values() for panel in panels]
SENSIBLE = {"s": (0, 3600), "percentunit": (0, 1), "bytes": (10e6, 2e9), "short": (0, 1000), "ops": (0, 1000), "reqps": (0, 1000)}


@pytest.fixture(scope="module")
def prometheus(stacked: World) -> Iterator[Prometheus]:
    """A Prometheus that saw a need from posting to acceptance, under steady requests."""
    with Prometheus(None, stacked.metrics, stacked.broker_metrics) as prometheus:
        assert eventually(lambda: {line["value"][1] for line in prometheus.ask("up")} == {"1"})
        cast = Cast(stacked)
        for _ in range(3):
            cast.donor.post("/v1/pledges", pledge())
            match = proposed(cast.donor, published(cast))
            cast.donor.post(f"/v1/matches/{match['id']}/acceptance")
            cast.donor.get("/v1/notices")
            cast.donor.get("/v1/rates")
        yield prometheus


def figures(prometheus: Prometheus, panel: Panel) -> list[tuple[dict[str, str], float]]:
    """Return the series drawn now with their labels; values that are no numbers are gaps."""
    lines = [(line["metric"], float(line["value"][1])) for line in prometheus.ask(asked_now(panel.query))]
    return [line for line in lines if not math.isnan(line[1])]


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel.title)
def test_every_panel_shows_named_series_that_fit_its_unit(prometheus: Prometheus, panel: Panel) -> None:
    lines = eventually(lambda: figures(prometheus, panel))
    least, most = SENSIBLE[panel.unit]
    assert all(least <= figure <= most for _, figure in lines), lines
    assert len(lines) <= 40
    # Of a label that a line lacks Grafana writes the name.
    wanted = re.findall(r"{{(\w+)}}", panel.legend)
    assert all(set(wanted) <= labels.keys() for labels, _ in lines)
    assert len({tuple(labels.get(name) for name in wanted) for labels, _ in lines}) == len(lines)


@pytest.mark.parametrize(
    "query", ["duijie_dead_letters > 0", 'rate(duijie_http_requests_total{status="666"}[$__rate_interval])', "0 / 0 * up"]
)
def test_a_picture_that_would_stay_empty_is_noticed(prometheus: Prometheus, query: str) -> None:
    assert figures(prometheus, Panel("", query, "", "short")) == []


FROM_CERT_MANAGER = {"certmanager_certificate_expiration_timestamp_seconds"}
RULES = [rule for rule in promtool.of_file() if not any(name in rule["expr"] for name in FROM_CERT_MANAGER)]
SILENCES = [rule for rule in RULES if rule["alert"] == "DuijieFigureMissing"]


def on_stack(expr: str) -> str:
    """Return an expression for the virtual host of a stack on a laptop."""
    return expr.replace('vhost="duijie"', 'vhost="/"')


@pytest.mark.parametrize("rule", [rule for rule in RULES if rule not in SILENCES], ids=lambda rule: rule["alert"])
def test_every_alert_finds_series_with_the_labels_of_its_text(prometheus: Prometheus, rule: Any) -> None:
    # Not only what is too much, and instead of failures, of which there are none, what went well.
    compared = re.sub(r" (>=|==|>|<) ", r" \1 bool ", on_stack(rule["expr"])).replace('"5.."', '"2.."')
    # A closed connection has no counter before the first one.
    compared = compared.replace('duijie_http_connections_closed_total{namespace="duijie", reason="full"}', "duijie_http_requests_total")
    lines = eventually(lambda: prometheus.ask(compared))
    wanted = set(re.findall(r"\$labels\.(\w+)", " ".join(rule["annotations"].values())))
    assert all(wanted <= line["metric"].keys() for line in lines), lines


@pytest.mark.parametrize("rule", SILENCES, ids=lambda rule: rule["labels"]["metric"])
def test_every_figure_whose_absence_is_an_alert_is_there(prometheus: Prometheus, rule: Any) -> None:
    assert eventually(lambda: prometheus.ask(on_stack(rule["expr"])) == [])
    gone = on_stack(rule["expr"]).replace('namespace="duijie"', 'namespace="staging"')
    assert bool(prometheus.ask(gone)) == ("absent" in gone)


def test_every_role_says_that_it_is_there(prometheus: Prometheus) -> None:
    wanted = set(promtool.ROLES)
    assert eventually(
        lambda: {(line["metric"]["service"], line["metric"]["role"]) for line in prometheus.ask("duijie_pool_size")} == wanted
    )
    silent = [rule["expr"] for rule in promtool.rendered() if rule["alert"] == "DuijieRoleAbsent"]
    assert not any(prometheus.ask(expr) for expr in silent)
