"""Traces and metrics of a running stack: one trace from request to notice, and figures for Prometheus."""

import re

import httpx
import pytest
from rich.console import Console

from deploy.local.collector import Collector

from .conftest import World
from .test_story import Cast, eventually, need_of, pledge

EXPECTED = {
    "needs-web: POST /v1/needs/<uuid:need_id>/verification",
    "needs-relay: need_published told",
    "matching-worker: needs.need_published handled",
    "matching-clear: need cleared",
    "matching-relay: match_proposed told",
    "notify-worker: matching.match_proposed handled",
}


@pytest.fixture
def world(stacked: World) -> World:
    return stacked


def test_one_trace_leads_from_the_request_to_the_notice(world: World, collected: Collector) -> None:
    cast = Cast(world)
    cast.donor.post("/v1/pledges", pledge())
    household = cast.household()
    need = eventually(lambda: cast.village.post("/v1/needs", need_of(household)))
    trace_id = "4bf92f3577b34da6a3ce929d0e0e4736"
    verification = f"/v1/needs/{need['id']}/verification"
    eventually(lambda: cast.town.post(verification, **{"traceparent": f"00-{trace_id}-00f067aa0ba902b7-01"}))
    beside = {"needs-worker: matching.match_proposed handled", "notify-relay: notice_delivered told"}
    assert eventually(lambda: {f"{span.process}: {span.name}" for span in collected.trace(trace_id)} >= EXPECTED | beside)
    spans = {span.id: span for span in collected.trace(trace_id)}
    notified, *_ = [one for one in spans.values() if one.process == "notify-worker" and one.name == "matching.match_proposed handled"]
    way = [notified]
    while way[-1].parent_id in spans:
        way.append(spans[way[-1].parent_id])
    assert {f"{span.process}: {span.name}" for span in way} == EXPECTED
    assert way[-1].parent_id == "00f067aa0ba902b7"
    Console(width=140).print(collected.tree(trace_id))


def figures(world: World, process: str) -> dict[str, float]:
    """Read the metrics of one process, by name and labels."""
    lines = httpx.get(world.metrics[process], trust_env=False).raise_for_status().text.splitlines()
    return {found[1]: float(found[2]) for line in lines if (found := re.match(r"(duijie_\S+(?:\{.*\})?) (\S+)$", line))}


def test_every_process_of_the_stack_has_figures_of_its_own(world: World) -> None:
    Cast(world)
    web = figures(world, "users-web")
    assert web['duijie_http_requests_total{method="POST",route="/v1/registrations/<uuid:code_id>/proof",service="users",status="201"}'] >= 3
    assert web['duijie_pool_size{role="web",service="users"}'] > 0
    assert not any("510981" in name for name in web)
    told = 'duijie_events_told_total{event="administrator_appointed",outcome="told",service="users"}'
    assert eventually(lambda: figures(world, "users-relay").get(told, 0) >= 3)
    heard = 'duijie_events_heard_total{event="users.administrator_appointed",outcome="handled",service="notify"}'
    assert eventually(lambda: figures(world, "notify-worker").get(heard, 0) >= 3)
    assert all(figures(world, process) for process in world.metrics)


def test_failure_counters_start_at_zero(world: World) -> None:
    missed = 'duijie_events_told_total{event="dispute_settled",outcome="missed",service="matching"}'
    failed = 'duijie_events_heard_total{event="matching.dispute_settled",outcome="failed",service="notify"}'
    assert (figures(world, "matching-relay")[missed], figures(world, "notify-worker")[failed]) == (0, 0)
