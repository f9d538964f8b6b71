"""Promtool's verdict about rules, with the cases of deploy/watching/alerts.test.yaml and one for each role."""

import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from deploy.services import services
from tests.deploy.rendered import CHART, ROOT, TOOLS, objects, of_kind

PROGRAM = TOOLS / "promtool"
ALERTS = CHART / "files/alerts.yaml"
CASES = ROOT / "deploy/watching/alerts.test.yaml"
ROLES = [(service.name, role) for service in services().values() for role in service.roles]
Rule = dict[str, Any]


@cache
def of_file() -> list[Rule]:
    """Return the rules of the chart's file."""
    return rules_of(yaml.load(ALERTS.read_text(), yaml.CSafeLoader))


def rendered(values: str = "values-production", **more: Any) -> list[Rule]:
    """Return the rules that Helm renders for the namespace duijie."""
    return rules_of(of_kind("PrometheusRule", objects(values, **more))["duijie"]["spec"])


def rules_of(spec: dict[str, Any]) -> list[Rule]:
    return [rule for group in spec["groups"] for rule in group["rules"]]


@cache
def cases() -> list[dict[str, Any]]:
    text = re.sub(r"NaNx(\d+)", lambda found: " ".join(["NaN"] * (int(found[1]) + 1)), CASES.read_text())  # promtool repeats numbers only
    written: list[dict[str, Any]] = yaml.load(text, yaml.CSafeLoader)["tests"]
    return [*written, *(without_role(service, role) for service, role in ROLES)]


def without_role(service: str, role: str) -> dict[str, Any]:
    """Return a case in which this role's last process ends after three minutes, that of staging lives on, and its alert alone fires."""

    def series(namespace: str, service: str, role: str, values: str = "20x20") -> dict[str, str]:
        return {"series": f'duijie_pool_size{{namespace="{namespace}", service="{service}", role="{role}", pod="a"}}', "values": values}

    said = {
        "summary": f"no {role} of {service} says that it is there",
        "description": "None runs, none is scraped, or none gets as far as its metrics: what it does waits, and its alerts cannot fire.",
        "runbook_url": "docs/operating/watching.md#duijieroleabsent",
    }
    labels = {"namespace": "duijie", "service": service, "role": role, "severity": "critical"}
    fires = {"alertname": "DuijieRoleAbsent", "eval_time": "14m", "exp_alerts": [{"exp_labels": labels, "exp_annotations": said}]}
    return {
        "name": f"no {role} of {service}",
        "interval": "1m",
        "input_series": [
            series("duijie", service, role, "20 20 20 _x20"),
            series("staging", service, role),
            *(series("duijie", *other) for other in ROLES if other != (service, role)),
        ],
        "alert_rule_test": [{"alertname": "DuijieRoleAbsent", "eval_time": f"{at}m", "exp_alerts": []} for at in (2, 10)] + [fires],
    }


def about(alert: str) -> list[dict[str, Any]]:
    """Return the cases that say something of an alert, reduced to that."""
    reduced = [case | {"alert_rule_test": [one for one in case["alert_rule_test"] if one["alertname"] == alert]} for case in cases()]
    return [case for case in reduced if case["alert_rule_test"]]


def try_rules(rules: list[Rule], cases: list[dict[str, Any]], folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the cases against the rules."""
    (folder / "rules.yaml").write_text(yaml.safe_dump({"groups": [{"name": "all", "rules": rules}]}))
    (folder / "cases.yaml").write_text(yaml.safe_dump({"rule_files": ["rules.yaml"], "evaluation_interval": "1m", "tests": cases}))
    return run("test", "rules", folder / "cases.yaml")


def run(*words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([PROGRAM, *words], capture_output=True, text=True, check=False)


def untried(rules: list[Rule], cases: list[dict[str, Any]]) -> Iterator[str]:
    """Yield each rule that no case makes fire, or that stays silent in none, told by its name and the labels that are its own."""
    told = [one for case in cases for one in case["alert_rule_test"]]
    for rule in rules:
        own = {name: value for name, value in rule["labels"].items() if name != "severity"} | _of_absent(rule["expr"])
        ours = [one for one in told if one["alertname"] == rule["alert"]]
        fires = [any(own.items() <= alert["exp_labels"].items() for alert in one["exp_alerts"]) for one in ours]
        if not (any(fires) and not all(fires)):
            yield " ".join((rule["alert"], *own.values()))


def _of_absent(expr: str) -> dict[str, str]:
    """Return the labels that `absent` gives a rule about one role."""
    if not expr.startswith("absent(duijie_pool_size{"):
        return {}
    return dict(pair.split("=") for pair in expr.partition("{")[2].partition("}")[0].replace('"', "").split(", "))
