"""The operators' first dashboard, as Grafana's JSON."""

from pathlib import Path
from typing import Any, NamedTuple

FILE = Path(__file__).resolve().parents[1] / "chart/files/dashboard.json"
SPACE = 'namespace="$namespace"'
HERE = f'{SPACE}, service=~"$service"'
ASKED = f'{HERE}, route!~"/livez|/readyz"'
"""Requests of people: probes would hide how many of these fail, or how slow they are."""
NAMESPACE = "duijie"
"""The namespace of docs/operating/kubernetes.md, which a Prometheus beside a stack on a laptop writes too."""


class Panel(NamedTuple):
    """One panel: its title, Prometheus query, legend, unit, and the value from which it is red."""

    title: str
    query: str
    legend: str
    unit: str
    red_from: float | None = None


def _rate(metric: str, by: str, only: str = "", among: str = HERE) -> str:
    return f"sum by ({by}) (rate({metric}{{{among}{only}}}[$__rate_interval]))"


def _quantile(share: float, metric: str, by: str, among: str = HERE) -> str:
    return f"histogram_quantile({share}, {_rate(f'{metric}_bucket', f'{by}, le', among=among)})"


def _or_nought(found: str, among: str, **called: str) -> str:
    """Add a line at 0 wherever a target exists, so that an empty panel means that nobody reports."""
    nought = f"0 * sum({among})"
    for label, value in called.items():
        nought = f'label_replace({nought}, "{label}", "{value}", "", "")'
    return f"{found} or {nought}"


def _of_ours(metric: str) -> str:
    """Restrict a metric that every program has to our processes."""
    return f"{metric} and on (namespace, instance) duijie_pool_size{{{HERE}}}"


ANSWERED = _rate("duijie_http_requests_total", "service", among=ASKED)
BROKEN = _rate("duijie_http_requests_total", "service", ', status=~"5.."', among=ASKED)
SEVERAL = f'sum by (service) (increase(duijie_http_requests_total{{{ASKED}, status=~"5.."}}[5m])) >= 5'
"""As the alert, which one failure among few requests does not set off."""
FAILED = _rate("duijie_events_heard_total", "service, event, outcome", ', outcome=~"failed|parked"')

ROWS: dict[str, list[Panel]] = {
    "Is anything wrong?": [
        Panel("Oldest event that is not told", f"max by (service) (duijie_outbox_age_seconds{{{HERE}}})", "{{service}}", "s", 60),
        Panel("Dead letters", f"max by (service) (duijie_dead_letters{{{HERE}}})", "{{service}}", "short", 1),
        Panel(
            "Requests answered with 5xx, from five on in 5 minutes",
            f"(({BROKEN} and {SEVERAL}) or 0 * {ANSWERED}) / {ANSWERED}",
            "{{service}}",
            "percentunit",
            0.01,
        ),
        Panel(
            "Checks of the book that do not hold (hourly)",
            _or_nought(f"max by (check) (duijie_audit_offended{{{SPACE}}}) > 0", f"duijie_audit_offended{{{SPACE}}}", check="any"),
            "{{check}}",
            "short",
            1,
        ),
        Panel("Since the last audit", f"max(duijie_audit_age_seconds{{{SPACE}}})", "audit", "s", 3 * 3600),
        Panel("Oldest entry to clear", f"max(duijie_clearing_age_seconds{{{SPACE}}})", "entry", "s", 300),
    ],
    "Requests": [
        Panel("Requests a second", ANSWERED, "{{service}}", "reqps"),
        Panel("One in two is answered within", _quantile(0.5, "duijie_http_request_seconds", "service", ASKED), "{{service}}", "s"),
        Panel("19 in 20 are answered within", _quantile(0.95, "duijie_http_request_seconds", "service", ASKED), "{{service}}", "s", 1),
        Panel(
            "The slowest routes: 19 in 20 within",
            f"topk(8, {_quantile(0.95, 'duijie_http_request_seconds', 'service, method, route', ASKED)} >= 0)",
            "{{method}} {{route}}",
            "s",
        ),
        Panel("Open connections of clients", f"sum by (service) (duijie_http_connections{{{HERE}}})", "{{service}}", "short"),
        Panel(
            "Closed a second, by reason",
            _or_nought(
                f"{_rate('duijie_http_connections_closed_total', 'service, reason')} > 0",
                f"duijie_pool_size{{{HERE}}}",
                service="any",
                reason="reason",
            ),
            "{{service}} {{reason}}",
            "ops",
        ),
    ],
    "Streams": [
        Panel("Open streams", f"sum by (service) (duijie_streams{{{HERE}}})", "{{service}}", "short"),
        Panel("Ended a second, by reason", _rate("duijie_streams_closed_total", "reason"), "{{reason}}", "ops"),
        Panel("99 in 100 changes are written within", _quantile(0.99, "duijie_stream_seconds", "service"), "{{service}}", "s", 1),
    ],
    "Events": [
        Panel("Told a second", _rate("duijie_events_told_total", "service, outcome"), "{{service}} {{outcome}}", "ops"),
        Panel("Heard a second", _rate("duijie_events_heard_total", "service, outcome"), "{{service}} {{outcome}}", "ops"),
        Panel(
            "Failing or parked, by event",
            _or_nought(f"{FAILED} > 0", f"duijie_events_heard_total{{{HERE}}}", service="any", event="event", outcome="failed"),
            "{{service}} {{event}} {{outcome}}",
            "ops",
        ),
        Panel(
            "The longest queues",
            'topk(10, max by (queue) (rabbitmq_detailed_queue_messages_ready{namespace="$broker", queue=~"($service)[.].*"}))',
            "{{queue}}",
            "short",
            5000,
        ),
        Panel(
            "The slowest handlers: 19 in 20 calls within",
            f"topk(8, {_quantile(0.95, 'duijie_handler_seconds', 'service, event')} >= 0)",
            "{{service}} {{event}}",
            "s",
        ),
        Panel(
            "Events a call",
            _rate("duijie_batch_events_sum", "service, event") + " / " + _rate("duijie_batch_events_count", "service, event"),
            "{{service}} {{event}}",
            "short",
        ),
    ],
    "Matching": [
        Panel("Looked at a second", f"sum(rate(duijie_cleared_total{{{SPACE}}}[$__rate_interval]))", "needs and pledges", "ops"),
        Panel("Proposed a second", f"sum(rate(duijie_proposals_total{{{SPACE}}}[$__rate_interval]))", "matches", "ops"),
        Panel("Ended for a critical need, a day", f"sum(increase(duijie_revised_total{{{SPACE}}}[1d]))", "proposals", "short"),
    ],
    "Codes by SMS": [
        Panel("Attempts a second, by outcome", _rate("duijie_sms_total", "outcome"), "{{outcome}}", "ops"),
        Panel(
            "Asked for beyond a budget, an hour",
            f"sum by (budget) (increase(duijie_codes_refused_total{{{SPACE}}}[1h]))",
            "{{budget}}",
            "short",
        ),
        Panel("19 in 20 are taken by the provider within", _quantile(0.95, "duijie_sms_seconds", "service"), "{{service}}", "s", 30),
    ],
    "Messages": [
        Panel("Attempts a second, by channel", _rate("duijie_messages_total", "channel, outcome"), "{{channel}} {{outcome}}", "ops"),
        Panel(
            "Answers by SMS an hour, by what became of them",
            f"sum by (outcome) (increase(duijie_sms_answers_total{{{SPACE}}}[1h]))",
            "{{outcome}}",
            "short",
        ),
        Panel("19 in 20 answers of a provider within", _quantile(0.95, "duijie_provider_seconds", "provider"), "{{provider}}", "s", 5),
        Panel("Words of a region that failed, a second", _rate("duijie_template_failures_total", "service"), "{{service}}", "ops"),
    ],
    "Processes": [
        Panel("Processes that report", f"count by (service, role) (duijie_pool_size{{{HERE}}})", "{{service}} {{role}}", "short"),
        Panel(
            "Database connections in use, of those there may be",
            f"max by (service, role) (duijie_pool_connections{{{HERE}}} / duijie_pool_size{{{HERE}}})",
            "{{service}} {{role}}",
            "percentunit",
            1,
        ),
        Panel("Memory", f"sum by (pod) ({_of_ours(f'process_resident_memory_bytes{{{SPACE}}}')})", "{{pod}}", "bytes"),
        Panel("Cores", f"sum by (pod) ({_of_ours(f'rate(process_cpu_seconds_total{{{SPACE}}}[$__rate_interval])')})", "{{pod}}", "short"),
    ],
}  # fmt: skip


def queries() -> list[str]:
    """Yield every query of the dashboard."""
    return [panel.query for panels in ROWS.values() for panel in panels]


def asked_now(query: str) -> str:
    """Return a query as Grafana would send it for all services of one namespace, with rates over half a minute."""
    return query.replace("$__rate_interval", "30s").replace("$service", ".+").replace("$namespace", NAMESPACE).replace("$broker", NAMESPACE)


def dashboard() -> dict[str, Any]:
    """Return Grafana's JSON, with two to four panels in a row under each heading."""
    source = {"type": "prometheus", "uid": "${source}"}
    drawn: list[dict[str, Any]] = []
    top = 0
    for heading, panels in ROWS.items():
        drawn.append(
            {
                "id": len(drawn) + 1,
                "type": "row",
                "title": heading,
                "gridPos": {"x": 0, "y": top, "w": 24, "h": 1},
                "collapsed": False,
                "panels": [],
            }
        )
        across = 24 // min(len(panels), 4) if len(panels) != 6 else 8
        for at, panel in enumerate(panels):
            place = {"x": at * across % 24, "y": top + 1 + at * across // 24 * 8, "w": across, "h": 8}
            drawn.append({"id": len(drawn) + 1, "datasource": source, "gridPos": place} | _drawn(panel, source))
        top += 1 + 8 * (-(-len(panels) * across // 24))
    return {
        "uid": "duijie",
        "title": "Duijie 对接",
        "tags": ["duijie"],
        "schemaVersion": 39,
        "timezone": "browser",
        "refresh": "30s",
        "time": {"from": "now-3h", "to": "now"},
        "templating": {"list": [_source(), *_namespaces(source), _service(source)]},
        "panels": drawn,
    }


def _drawn(panel: Panel, source: dict[str, str]) -> dict[str, Any]:
    steps: list[dict[str, Any]] = [{"color": "green", "value": None}]
    if panel.red_from is not None:
        steps.append({"color": "red", "value": panel.red_from})
    custom = {"lineWidth": 1, "fillOpacity": 8, "thresholdsStyle": {"mode": "off" if panel.red_from is None else "dashed"}}
    return {
        "type": "timeseries",
        "title": panel.title,
        "targets": [{"refId": "A", "datasource": source, "expr": panel.query, "legendFormat": panel.legend, "range": True}],
        "fieldConfig": {
            "defaults": {"unit": panel.unit, "min": 0, "custom": custom, "thresholds": {"mode": "absolute", "steps": steps}},
            "overrides": [],
        },
        "options": {
            "legend": {"showLegend": True, "displayMode": "list", "placement": "bottom", "calcs": []},
            "tooltip": {"mode": "multi", "sort": "desc"},
        },
    }


def _source() -> dict[str, Any]:
    return {"name": "source", "label": "Prometheus", "type": "datasource", "query": "prometheus"}


def _namespaces(source: dict[str, str]) -> list[dict[str, Any]]:
    """The namespace of an installation, and its broker's; each one at a time, since two installations in one figure are none."""
    found = {
        "namespace": ("Namespace", "label_values(duijie_pool_size, namespace)"),
        "broker": ("Broker's namespace", 'label_values(rabbitmq_detailed_queue_messages_ready{queue=~"needs[.].*"}, namespace)'),
    }
    return [
        {
            "name": name, "label": label, "type": "query", "datasource": source, "query": {"query": query, "refId": name},
            "refresh": 2, "multi": False, "includeAll": False,
        }
        for name, (label, query) in found.items()
    ]  # fmt: skip


def _service(source: dict[str, str]) -> dict[str, Any]:
    query = f"label_values(duijie_pool_size{{{SPACE}}}, service)"
    return {
        "name": "service", "label": "Service", "type": "query", "datasource": source, "query": {"query": query, "refId": "service"},
        "refresh": 2, "multi": True, "includeAll": True, "allValue": ".+", "current": {"text": "All", "value": "$__all"},
    }  # fmt: skip
