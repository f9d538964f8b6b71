"""The chart rendered by Helm with given values, as objects."""

import json
import subprocess
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "deploy/chart"
TOOLS = ROOT / ".venv/tools/bin"
VALUES = {path.stem: path for path in sorted(CHART.glob("values*.yaml"))}
Object = dict[str, Any]


@dataclass(frozen=True)
class Pod:
    """A pod's spec, its labels, and the object that makes it."""

    owner: Object
    spec: Object
    labels: dict[str, str]

    @property
    def name(self) -> str:
        return str(self.owner["metadata"]["name"])

    @property
    def containers(self) -> list[Object]:
        return [*self.spec.get("initContainers", []), *self.spec["containers"]]


def helm(*words: str) -> subprocess.CompletedProcess[str]:
    assert (TOOLS / "helm").exists(), "Helm is missing: make .venv/tools/.ready"
    return subprocess.run([TOOLS / "helm", *words], capture_output=True, text=True, check=False)


WITHOUT_ROUTE = {"values": ("--set", "settings.PUBLIC_URL=https://duijie.example.org")}
"""Settings that files of values without a host need."""


@cache
def text(values: str = "values", more: str = "{}") -> str:
    """Render the manifests with a file of values and more values as a JSON object."""
    added = [word for name, value in json.loads(more).items() for word in ("--set-json", f"{name}={json.dumps(value)}")]
    said = helm(
        "template", "duijie", str(CHART), "--namespace", "duijie", "--values", str(VALUES[values]), *WITHOUT_ROUTE.get(values, ()), *added
    )
    assert said.returncode == 0, said.stderr
    return said.stdout


@cache
def _parsed(values: str, more: str) -> list[Object]:
    return [one for one in yaml.load_all(text(values, more), yaml.CSafeLoader) if one]


def objects(values: str = "values", **more: Any) -> list[Object]:
    """Return copies of the objects, free to be changed."""
    return deepcopy(_parsed(values, json.dumps(more)))


def of_kind(kind: str, among: list[Object]) -> dict[str, Object]:
    return {one["metadata"]["name"]: one for one in among if one["kind"] == kind}


def pods(among: list[Object]) -> Iterator[Pod]:
    for one in among:
        if one["kind"] in {"Deployment", "Job"}:
            template = one["spec"]["template"]
            yield Pod(one, template["spec"], template["metadata"]["labels"])
