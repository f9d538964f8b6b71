"""Alerts and dashboard query existing metrics, and every alert was seen to fire and to stay silent."""

import json
import os
import re
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import REGISTRY

from chassis.ops import metrics
from deploy.watching import dashboard, typed
from tests.deploy import promtool
from tests.deploy.mutations import mutate
from tests.deploy.rendered import CHART, VALUES, helm, objects, of_kind

OF_OTHERS = {
    "rabbitmq_detailed_queue_messages_ready",  # RabbitMQ, /metrics/detailed?family=queue_coarse_metrics
    "certmanager_certificate_expiration_timestamp_seconds",
    "process_resident_memory_bytes",
    "process_cpu_seconds_total",
    "up",
}
OF_TARGETS = {"namespace", "exported_namespace", "job", "pod", "instance"}
"""Labels that Prometheus adds."""
FUNCTIONS = {
    "max", "min", "sum", "count", "rate", "increase", "deriv", "histogram_quantile", "topk", "time", "absent", "label_values",
    "label_replace", "and", "or", "unless",
}  # fmt: skip
FROM_THE_START = {
    "duijie_pool_connections", "duijie_pool_size", "duijie_events_told_total", "duijie_events_heard_total", "duijie_http_requests_total",
    "duijie_http_request_seconds_bucket", "duijie_http_request_seconds_count", "duijie_http_connections_closed_total",
    "duijie_audit_offended", "duijie_sms_total", "duijie_codes_refused_total", "up",
}  # fmt: skip
"""A process of a role says these from its start, as far as an alert needs them, or together with one whose absence is an alert."""


def known() -> dict[str, set[str]]:
    """Return every metric of the code with its labels, by its name in Prometheus."""
    assert metrics.outbox_age
    import_module("matching.clear")
    import_module("notify.api")
    import_module("notify.send")
    import_module("users.codes.actions")
    found = {name: {*getattr(one, "_labelnames", ())} for name, one in REGISTRY._names_to_collectors.items()}
    return {name: labels | OF_TARGETS for name, labels in found.items()}


def asked() -> list[str]:
    return [rule["expr"] for rule in promtool.of_file()] + dashboard.queries()


def series_of(expression: str) -> list[tuple[str, str]]:
    """Return the metrics that an expression reads, each with its matchers."""
    bare = re.sub(r"\[[^\]]*\]", "", re.sub(r"\b(by|without|on|ignoring)\s*\([^)]*\)", "", expression))
    found = re.findall(r"""("[^"{]*")|\b([a-z_]+[a-z])\b\s*(?:\{([^}]*)\})?""", bare)
    return [(name, chosen) for text, name, chosen in found if not text and name not in FUNCTIONS]


def strangers(expression: str) -> set[str]:
    """Return unknown metrics, and labels that our metrics do not have."""
    there, found = known(), set()
    for name, chosen in series_of(expression):
        labels = {label for label, _ in re.findall(r'(\w+)\s*[=!]~?\s*("[^"]*")', chosen)}
        if name not in OF_OTHERS and (name not in there or not labels <= there[name]):
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


OF_ONE_NAMESPACE = re.compile(r'\b(exported_)?namespace="(duijie|\$namespace|\$broker)"')


def across_namespaces(expression: str) -> set[str]:
    """Return the metrics that an expression reads in all namespaces, and the aggregations that mix namespaces."""
    aggregations = re.findall(r"\b(?:sum|max|min|count)\b(?: by \([^)]*\))?", expression)
    read = {name for name, chosen in series_of(expression) if not OF_ONE_NAMESPACE.search(chosen)}
    return read | {text for text in aggregations if "namespace" not in text}


@pytest.mark.parametrize("rule", promtool.of_file(), ids=lambda rule: rule["alert"])
def test_alerts_read_and_keep_one_namespace(rule: promtool.Rule) -> None:
    assert across_namespaces(rule["expr"]) == set()


@pytest.mark.parametrize(
    "expression",
    ['up{job="duijie"} == 0', 'sum by (service) (up{namespace="duijie"})', 'max(up{namespace="duijie"})', 'up{namespace="duijie"} or up'],
)
def test_alert_about_other_namespaces_is_noticed(expression: str) -> None:
    assert across_namespaces(expression)


@pytest.mark.parametrize("query", dashboard.queries())
def test_panels_read_one_namespace(query: str) -> None:
    assert {name for name in across_namespaces(query) if name in OF_OTHERS or name.startswith("duijie_")} == set()


def without_floor(expression: str) -> bool:
    """Tell whether an expression compares a share, of which one event among few is much, without asking for several events."""
    is_share = re.search(r"\)\s*/ |histogram_quantile", expression)
    return bool(is_share) and not re.search(r"\band sum by \([^)]*\) \(increase\(.*\) >= ([5-9]|\d\d+)", expression)


@pytest.mark.parametrize("rule", promtool.of_file(), ids=lambda rule: rule["alert"])
def test_alerts_about_shares_have_a_floor(rule: promtool.Rule) -> None:
    assert not without_floor(rule["expr"])


@pytest.mark.parametrize(
    "expression", ["sum(rate(a[5m])) / sum(rate(b[5m])) > 0.01", "histogram_quantile(0.5, sum by (le) (rate(a[5m]))) > 1"]
)
def test_share_without_floor_is_noticed(expression: str) -> None:
    assert without_floor(expression)


def unheard(rules: list[promtool.Rule]) -> set[str]:
    """Return the metrics of alerts whose absence nobody would hear of."""
    heard = {rule["labels"]["metric"] for rule in rules if rule["alert"] == "DuijieFigureMissing"}
    return {name for rule in rules for name, _ in series_of(rule["expr"])} - heard - FROM_THE_START


def test_absence_of_every_alerts_metric_is_an_alert() -> None:
    assert unheard(promtool.of_file()) == set()
    assert unheard([rule for rule in promtool.of_file() if "audit_age" not in rule["labels"].get("metric", "")]) == {
        "duijie_audit_age_seconds"
    }


def absent_roles(rules: list[promtool.Rule]) -> set[tuple[str, str]]:
    found = [re.findall(r'(?:service|role)="(\w+)"', rule["expr"]) for rule in rules if rule["alert"] == "DuijieRoleAbsent"]
    return {(service, role) for service, role in found}


def test_absence_of_every_role_is_an_alert() -> None:
    assert absent_roles(promtool.rendered()) == set(promtool.ROLES)


def test_roles_alerts_follow_the_chart_values() -> None:
    more = {
        "insight": {
            "roles": {role: {"replicas": 0, "autoscaling": {"enabled": False}, "queues": []} for role in ("web", "worker", "relay")}
        },
        "reviews": {"roles": {"worker": {"module": "chassis.worker", "queues": []}}},
    }
    wanted = {("reviews", "worker"), *(one for one in promtool.ROLES if one[0] != "insight")}
    assert absent_roles(promtool.rendered("values-production", services=more)) == wanted


def test_every_metric_of_ours_is_on_the_dashboard() -> None:
    everything = " ".join(dashboard.queries())
    ours = {re.sub(r"_(bucket|count|sum|created|total)$", "", name) for name in known() if name.startswith("duijie_")}
    assert {name for name in ours if name not in everything} == set()


def test_every_alert_has_a_firing_and_a_silent_case() -> None:
    assert list(promtool.untried(promtool.rendered(), promtool.cases())) == []


@pytest.mark.parametrize(
    ("alert", "kept"),
    [
        ("DuijieErrors", "fires"), ("DuijieErrors", "is silent"), ("DuijieFigureMissing", "fires"), ("DuijieFigureMissing", "is silent"),
        ("DuijieRoleAbsent", "is silent"),
    ],
)  # fmt: skip
def test_alert_with_half_of_its_cases_is_noticed(alert: str, kept: str) -> None:
    halved = [
        case | {"alert_rule_test": [one for one in case["alert_rule_test"] if bool(one["exp_alerts"]) == (kept == "fires")]}
        for case in promtool.about(alert)
    ]
    rules = [rule for rule in promtool.rendered() if rule["alert"] == alert]
    assert set(promtool.untried(rules, promtool.about(alert))) == set()
    assert set(promtool.untried(rules, halved))


def test_whoever_is_woken_reads_what_it_means() -> None:
    assert all(
        rule["annotations"].keys() == {"summary", "description", "runbook_url"} and rule["labels"]["severity"]
        for rule in promtool.rendered()
    )


NEEDS_PROMTOOL = pytest.mark.skipif("DEPLOY_TEST" not in os.environ, reason="promtool is installed by make deploy-test")


@NEEDS_PROMTOOL
def test_alerts_behave_as_their_promtool_cases_say(tmp_path: Path) -> None:
    recorded = [{"record": f"asked{at}", "expr": one.replace("$__rate_interval", "5m")} for at, one in enumerate(asked())]
    (tmp_path / "asked.yaml").write_text(yaml.safe_dump({"groups": [{"name": "asked", "rules": recorded}]}))
    for said in (
        promtool.run("check", "rules", promtool.ALERTS),
        promtool.run("check", "rules", tmp_path / "asked.yaml"),
        promtool.try_rules(promtool.rendered(), promtool.cases(), tmp_path),
    ):
        assert said.returncode == 0, said.stdout + said.stderr


@NEEDS_PROMTOOL
@pytest.mark.parametrize("alert", sorted({rule["alert"] for rule in promtool.of_file()} | {"DuijieRoleAbsent"}))
def test_alert_without_a_guard_fails_a_promtool_case(alert: str, tmp_path: Path) -> None:
    rules = [rule for rule in promtool.rendered() if rule["alert"] == alert]
    survivors = []
    for at, rule in enumerate(rules[:6]):
        for lacking, mutant in mutate(rule):
            said = promtool.try_rules([*rules[:at], mutant, *rules[at + 1 :]], promtool.about(alert), tmp_path)
            if said.returncode == 0:
                survivors.append(f"{lacking} of {rule['expr']}")
            assert "unit testing" in (said.stdout + said.stderr).lower(), said.stdout + said.stderr
            assert "parse error" not in said.stdout + said.stderr, mutant["expr"]
    assert survivors == []


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
    assert [rule for rule in promtool.rendered() if rule["alert"] != "DuijieRoleAbsent"] == promtool.of_file()
    shown = json.loads(of_kind("ConfigMap", among)["duijie-dashboard"]["data"]["duijie.json"])
    assert shown == dashboard.dashboard()
    [endpoint] = of_kind("PodMonitor", among)["duijie"]["spec"]["podMetricsEndpoints"]
    assert endpoint["port"] == "metrics"


def test_alerts_of_another_namespace_read_that_one() -> None:
    values = ["--values", str(VALUES["values-production"]), "--set", "watching.alerts.brokerNamespace=brokers,broker.vhost=other"]
    said = helm("template", "duijie", str(CHART), "--namespace", "prod", "--show-only", "templates/watching.yaml", *values)
    [spec] = [one["spec"] for one in yaml.safe_load_all(said.stdout) if one["kind"] == "PrometheusRule"]
    rules = promtool.rules_of(spec)
    assert {*re.findall(r'namespace(?:="|: |", ")(\w+)', " ".join(rule["expr"] for rule in rules))} == {"prod", "brokers"}
    assert {rule["labels"].get("namespace", "prod") for rule in rules} == {"prod"}
    of_broker = [rule["expr"] for rule in rules if "rabbitmq_" in rule["expr"]]
    assert all('namespace="brokers", vhost="other"' in expr and '"prod"' not in expr for expr in of_broker)
    assert len(of_broker) == 2


def test_house_without_certificates_has_no_alert_about_them() -> None:
    alerts = {"watching": {"alerts": {"enabled": True, "certificates": False}}}
    without = promtool.rendered(**alerts)
    assert len(without) == len(promtool.rendered()) - 2
    assert not any("certmanager" in rule["expr"] for rule in without)


def test_alerts_lead_to_where_the_operators_read_what_to_do() -> None:
    read_at = {"watching": {"alerts": {"enabled": True, "runbooks": "https://read.example/duijie/"}}}
    places = {rule["alert"]: rule["annotations"]["runbook_url"] for rule in promtool.rendered(**read_at)}
    alerts = {rule["alert"] for rule in promtool.of_file()} | {"DuijieRoleAbsent"}
    assert places == {alert: f"https://read.example/duijie/docs/operating/watching.md#{alert.lower()}" for alert in alerts}


def test_panels_lie_beside_and_under_each_other() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in dashboard.dashboard()["panels"]:
        place = panel["gridPos"]
        cells = {(x, y) for x in range(place["x"], place["x"] + place["w"]) for y in range(place["y"], place["y"] + place["h"])}
        assert not cells & taken
        assert place["x"] + place["w"] <= 24
        taken |= cells
