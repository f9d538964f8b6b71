"""A Prometheus that scrapes a stack on this machine as a cluster's Prometheus scrapes pods."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import yaml

from chassis.testing.folders import kept_ports
from chassis.testing.server import Server
from deploy.watching.dashboard import NAMESPACE

PROGRAM = Path(__file__).resolve().parents[2] / ".venv/tools/bin/prometheus"
"""Out of Debian's package, by `make deploy-test`."""
EVERY = 1
"""Seconds from one look to the next."""


class Prometheus(Server):
    """A Prometheus that scrapes `targets` (label `pod`: address of metrics) and the broker's queues, and answers queries."""

    def __init__(self, folder: Path | None, targets: Mapping[str, str], broker: str) -> None:
        super().__init__(folder, die_with_parent=True, is_kept=False)
        self._targets, self._broker = targets, broker
        self.start_again()

    def ask(self, query: str) -> list[dict[str, Any]]:
        """Query the current series of an expression: `metric` (labels) and `value` (time, figure as text). Raises `HTTPStatusError`."""
        answer = httpx.get(f"{self.address}/api/v1/query", params={"query": query}, trust_env=False).raise_for_status()
        found: list[dict[str, Any]] = answer.json()["data"]["result"]
        return found

    def ask_over(self, query: str, seconds: float) -> list[dict[str, Any]]:
        """Query the series of the last `seconds`, with `values` instead of `value`."""
        now = time.time()
        asked: dict[str, str | float] = {"query": query, "start": now - seconds, "end": now, "step": EVERY}
        answer = httpx.get(f"{self.address}/api/v1/query_range", params=asked, trust_env=False).raise_for_status()
        found: list[dict[str, Any]] = answer.json()["data"]["result"]
        return found

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def _prepare(self) -> list[str]:
        [self._port] = kept_ports(self.folder / "ports", 1)
        pods = [
            {"targets": [urlsplit(address).netloc], "labels": {"namespace": NAMESPACE, "pod": pod}}
            for pod, address in self._targets.items()
        ]
        queues = {"metrics_path": "/metrics/detailed", "params": {"family": ["queue_coarse_metrics"]}}
        looked_at = [
            {"job_name": "duijie/duijie", "honor_labels": True, "static_configs": pods},
            {
                "job_name": "rabbitmq",
                **queues,
                "static_configs": [{"targets": [urlsplit(self._broker).netloc], "labels": {"namespace": NAMESPACE}}],
            },
        ]
        config = self.folder / "prometheus.yaml"
        config.write_text(yaml.safe_dump({"global": {"scrape_interval": f"{EVERY}s"}, "scrape_configs": looked_at}))
        listening = f"--web.listen-address=127.0.0.1:{self._port}"
        return [str(PROGRAM), f"--config.file={config}", f"--storage.tsdb.path={self.folder / 'data'}", listening]

    def _is_ready(self) -> bool:
        try:
            return httpx.get(f"{self.address}/-/ready", timeout=2, trust_env=False).status_code == 200
        except httpx.HTTPError:
            return False
