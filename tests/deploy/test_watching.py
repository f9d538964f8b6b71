"""Alerts and dashboard query existing metrics, and every alert was seen to fire and to stay silent."""

import json
import os
import re
import subprocess
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import REGISTRY

from chassis.ops import metrics
from deploy.watching import dashboard, typed
from tests.deploy.rendered import CHART, ROOT, TOOLS, objects, of_kind

ALERTS = CHART / "files/alerts.yaml"
CASES = ROOT / "deploy/watching/alerts.test.yaml"
OF_OTHERS = {
    "rabbitmq_detailed_queue_messages_ready",  # RabbitMQ, /metrics/detailed?family=queue_coarse_metrics
    "certmanager_certificate_expiration_timestamp_seconds",
    "process_resident_memory_bytes",
    "process_cpu_seconds_total",
    "up",
}
FUNCTIONS = {"max", "min", "sum", "rate", "increase", "deriv", "histogram_quantile", "topk", "time", "label_values", "label_replace"}


def rules() -> dict[str, Any]:
    return {rule["alert"]: rule for group in yaml.safe_load(ALERTS.read_text())["groups"] for rule in group["rules"]}


def known() -> dict[str, set[str]]:
    """Return every metric of the code with its labels, by its name in Prometheus."""
    assert metrics.outbox_age
    for module in ("matching.clear", "matching.checks.actions"):
        import_module(module)
    return {name: set(getattr(one, "_labelnames", ())) for name, one in REGISTRY._names_to_collectors.items()}


def asked() -> list[str]:
    return [rule["expr"] for rule in rules().values()] + dashboard.queries()


def strangers(expression: str) -> set[str]:
    """Return unknown metrics, and labels that our metrics do not have."""
    bare = re.sub(r'"[^"]*"|\[[^\]]*\]', "", expression)
    there = known()
    found = set()
    for name, chosen in re.findall(
        r"\b([a-z_]{2,}[a-z])\b\s*(?:\{([^}]*)\})?", re.sub(r"\b(by|without|on|ignoring)\s*\([^)]*\)", "", bare)
    ):
        if name in FUNCTIONS | OF_OTHERS | {"and", "or", "unless"} or re.fullmatch(r"(service|outcome|status|queue|job)", name):
            continue
        labels = {label.strip() for label in re.findall(r"(\w+)\s*[=!]", chosen)}
        if name not in there or not labels <= there[name]:
            found.add(name)
    return found


@pytest.mark.parametrize("expression", asked())
def test_nothing_is_asked_for_that_no_process_says(expression: str) -> None:
    assert strangers(expression) == set()


@pytest.mark.parametrize(
    "expression", ["duijie_outbox_age > 60", 'rate(duijie_events_told_total{result="missed"}[5m])', "sum(duijie_dead_letter)"]
)
def test_a_metric_or_label_that_is_not_there_is_noticed(expression: str) -> None:
    assert strangers(expression)


def test_every_metric_of_ours_is_on_the_dashboard() -> None:
    everything = " ".join(dashboard.queries())
    ours = {re.sub(r"_(bucket|count|sum|created|total)$", "", name) for name in known() if name.startswith("duijie_")}
    assert {name for name in ours if name not in everything} == set()


def test_every_alert_has_a_firing_and_a_silent_case() -> None:
    cases = [case for test in yaml.safe_load(CASES.read_text())["tests"] for case in test["alert_rule_test"]]
    assert {case["alertname"] for case in cases if case["exp_alerts"]} == rules().keys()
    assert {case["alertname"] for case in cases if not case["exp_alerts"]} == rules().keys()


def test_whoever_is_woken_reads_what_it_means() -> None:
    assert all(
        rule["annotations"].keys() == {"summary", "description", "runbook_url"} and rule["labels"]["severity"] for rule in rules().values()
    )


@pytest.mark.skipif("DEPLOY_TEST" not in os.environ, reason="promtool is installed by make deploy-test")
def test_alerts_behave_as_their_promtool_cases_say(tmp_path: Path) -> None:
    recorded = [{"record": f"asked{at}", "expr": one.replace("$__rate_interval", "5m")} for at, one in enumerate(asked())]
    (tmp_path / "asked.yaml").write_text(yaml.safe_dump({"groups": [{"name": "asked", "rules": recorded}]}))
    for words in (["check", "rules", ALERTS], ["check", "rules", tmp_path / "asked.yaml"], ["test", "rules", CASES]):
        said = subprocess.run([TOOLS / "promtool", *words], capture_output=True, text=True, check=False)
        assert said.returncode == 0, said.stdout + said.stderr


def picture(of: dict[str, Any]) -> Any:
    return next(panel for panel in of["panels"] if panel["type"] == "timeseries")


SPOILT = {
    "a panel's key": lambda it: picture(it).update(titel="Requests"),
    "a unit": lambda it: picture(it)["fieldConfig"]["defaults"].update(unitt="s"),
    "how a line looks": lambda it: picture(it)["fieldConfig"]["defaults"]["custom"].update(lineStrength=1),
    "where names stand": lambda it: picture(it)["options"]["legend"].update(placement="below"),
    "whether names are shown": lambda it: picture(it)["options"]["legend"].pop("showLegend"),
    "a variable's kind": lambda it: it["templating"]["list"][0].update(type="prometheus"),
}


@pytest.mark.skipif("DEPLOY_TEST" not in os.environ, reason="Grafana's types are installed by make deploy-test")
def test_the_dashboard_is_what_grafana_calls_one() -> None:
    said = typed.held(dashboard.dashboard())
    assert said.returncode == 0, said.stdout


@pytest.mark.skipif("DEPLOY_TEST" not in os.environ, reason="Grafana's types are installed by make deploy-test")
@pytest.mark.parametrize("spoil", SPOILT.values(), ids=SPOILT)
def test_what_grafana_does_not_know_is_noticed(spoil: Callable[[Any], object]) -> None:
    spoilt = dashboard.dashboard()
    spoil(spoilt)
    assert typed.held(spoilt).returncode != 0


def test_the_chart_brings_alerts_and_dashboard_as_they_are() -> None:
    among = objects("values-production")
    assert of_kind("PrometheusRule", among)["duijie"]["spec"] == yaml.safe_load(ALERTS.read_text())
    shown = json.loads(of_kind("ConfigMap", among)["duijie-dashboard"]["data"]["duijie.json"])
    assert shown == dashboard.dashboard()
    [endpoint] = of_kind("PodMonitor", among)["duijie"]["spec"]["podMetricsEndpoints"]
    assert endpoint["port"] == "metrics"


def test_alerts_lead_to_where_the_operators_read_what_to_do() -> None:
    read_at = {"watching": {"alerts": {"enabled": True, "runbooks": "https://read.example/duijie/"}}}
    groups = of_kind("PrometheusRule", objects("values-production", **read_at))["duijie"]["spec"]["groups"]
    places = {rule["alert"]: rule["annotations"]["runbook_url"] for group in groups for rule in group["rules"]}
    assert places == {alert: f"https://read.example/duijie/docs/operating/watching.md#{alert.lower()}" for alert in rules()}


def test_panels_lie_beside_and_under_each_other() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in dashboard.dashboard()["panels"]:
        place = panel["gridPos"]
        cells = {(x, y) for x in range(place["x"], place["x"] + place["w"]) for y in range(place["y"], place["y"] + place["h"])}
        assert not cells & taken
        assert place["x"] + place["w"] <= 24
        taken |= cells
