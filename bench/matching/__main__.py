"""The speed of matching. JSON lines; exits with 1 when a bound ratio does not hold or a ledger is wrong.

`python -m bench.matching [--pledges 1000000] [--needs 20000] [--rounds 3] [--sizes 10000,100000,1000000] [--only pipeline]`. Ours and the
peers take turns on the same needs, so that a busy machine slows all. Absolute figures depend on the machine. A run of a minute:
`--pledges 20000 --waiting 20000 --needs 1000 --rounds 1 --sizes 2000,20000 --batches 2 --samples 20`.
"""

import argparse
import os
import random
import sys
import tempfile
from pathlib import Path

from bench.matching import arrays, figures, growth, latency, pipeline
from bench.matching.scene import Scene
from chassis.testing import postgres, rabbitmq

PARTS = ("pipeline", "pledges", "arrays", "latency", "growth")
SETTINGS = {"max_connections": "400", "shared_buffers": "1GB", "max_wal_size": "8GB"}


def main() -> None:
    asked = _arguments()
    parts = {asked.only} if asked.only else set(PARTS)
    luck = random.Random(asked.seed)
    figures.report("load of the machine at the start", os.getloadavg()[0], "processes", cores=os.cpu_count(), seed=asked.seed)
    with (
        tempfile.TemporaryDirectory() as folder,
        postgres.start(durable=asked.durable, settings=SETTINGS) as server,
        rabbitmq.start() as broker,
    ):
        scene = Scene(server, broker, Path(folder))
        server.create("empty", template="matching")
        if "pledges" in parts:
            server.create("waiting", template="empty")
            pipeline.fill(scene, "waiting", luck, needs=asked.waiting)
            pipeline.measure_pledges(scene, luck, asked.arriving, asked.waiting)
            server.drop("waiting")
        if "arrays" in parts:
            arrays.measure(scene, luck, asked.needs)
        if parts & {"pipeline", "latency"}:
            pipeline.fill(scene, "matching", luck, pledges=asked.pledges)
        rate = asked.rate
        if "pipeline" in parts:
            rate = pipeline.measure(scene, luck, asked.needs, asked.rounds)
        if "latency" in parts:
            latency.measure(scene, luck, asked.samples, rate / 2)
        if "growth" in parts:
            growth.measure(scene, luck, asked.sizes, asked.batches, asked.plot)
    figures.report("load of the machine in the end", os.getloadavg()[0], "processes")
    sys.exit(f"does not hold: {'; '.join(figures.short)}" if figures.short else 0)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.matching", description=__doc__)
    parser.add_argument("--pledges", type=int, default=1_000_000, help="open while needs arrive")
    parser.add_argument("--waiting", type=int, default=1_000_000, help="needs that wait while pledges arrive")
    parser.add_argument("--needs", type=int, default=20_000, help="that arrive in a round")
    parser.add_argument("--arriving", type=int, default=2_000, help="pledges that arrive on waiting needs")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--samples", type=int, default=300, help="needs whose wait is measured, at rest and at half load each")
    parser.add_argument("--rate", type=float, default=1000, help="needs a second that count as the most when the pipeline is not measured")
    parser.add_argument("--sizes", type=lambda words: [int(word) for word in words.split(",")], default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--batches", type=int, default=20, help="of 500 needs, for each size of the book")
    parser.add_argument("--plot", type=Path, help="where growth is drawn, as SVG")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    parser.add_argument("--durable", action="store_true", help="with fsync, which slows those most who commit one by one")
    parser.add_argument("--only", choices=PARTS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
