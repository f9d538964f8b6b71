"""Latency from a need's publication on RabbitMQ until its proposal is in the database, idle and at half the maximum rate."""

import random
import statistics
import time
from contextlib import nullcontext

import psycopg

from bench.matching import book
from bench.matching.figures import progress, report
from bench.matching.scene import Scene, message_of
from chassis.messaging.broker import Publisher, connected
from contracts.needs import NeedPublished

PERCENTILES = (50, 99)
EVERY_SECONDS = 0.05
WARM = 20


def measure(scene: Scene, luck: random.Random, samples: int, half: float) -> None:
    """Print two lines for an idle stack and two for a stack under `half` needs a second."""
    for load, rate in (("at rest", 0.0), ("at half load", half)):
        progress(f"latency, {load}")
        beside = scene.running("matching", "bench.matching.beside", str(rate)) if rate else nullcontext()
        with scene.matching(), beside:
            waits = _waits(scene, luck, samples)
        for percentile in PERCENTILES:
            value = statistics.quantiles(waits, n=100, method="inclusive")[percentile - 1]
            report(f"need published to proposal stored, {load}, p{percentile}", value, "ms", samples=samples, beside=round(rate))


def _waits(scene: Scene, luck: random.Random, samples: int) -> list[float]:
    """Return the milliseconds of each need, after a few that warm caches."""
    waits = []
    with connected(scene.broker_url, 60) as connection, scene.connect("matching") as asked:
        publisher = Publisher(connection, 30)
        for _ in range(WARM + samples):
            need = book.published(luck)
            published = time.monotonic()
            publisher.publish([message_of(need)])
            waits.append(1000 * (_stored(asked, need) - published))
            time.sleep(EVERY_SECONDS)
    return waits[WARM:]


def _stored(asked: psycopg.Connection[tuple[object, ...]], need: NeedPublished) -> float:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if asked.execute("SELECT FROM matches WHERE need_id = %s", [need.need_id]).fetchone() is not None:
            return time.monotonic()
        time.sleep(0.001)
    raise RuntimeError("a need waited for more than a minute")
