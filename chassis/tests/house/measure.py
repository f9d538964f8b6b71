"""Prints how fast relay and worker are on this machine: `PYTHONPATH=chassis/tests/house python -m measure [events]`."""

import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("SEAL_KEYS", "x")
os.environ.setdefault("FINGERPRINT_KEY", "x")

from keeper import House, open_house, soon, withdrawn_need, withdrawn_pledge
from sqlalchemy import text

from chassis.migrate import migrate
from chassis.testing import postgres, rabbitmq
from contracts.event import Event


def per_second(house: House, started: float, table: str, count: int) -> str:
    while house.count(table) < count:
        time.sleep(0.1)
    return f"{count / (time.monotonic() - started):8.0f}/s"


def measure(house: House, count: int) -> None:
    for name, made in (("handles", withdrawn_need), ("handles_batch", withdrawn_pledge)):
        events: list[Event] = [made() for _ in range(count)]
        for at in range(0, count, 1000):
            house.tell(*events[at : at + 1000])
        before = house.count("journal")
        relay = house.relay().ready()
        print(f"relay, {count} {name:14}", per_second(house, time.monotonic(), "journal", before + count))
        relay.stop()
        worker = house.worker().ready()
        print(f"{name:22}", per_second(house, time.monotonic(), "inbox", before + count))
        worker.stop()
    house.relay().ready()
    house.worker().ready()
    with house.database.begin() as session:
        session.execute(text("TRUNCATE inbox, taken"))
    time.sleep(1)
    taken = []
    for _ in range(50):
        seen = house.count("inbox")
        started = time.monotonic()
        house.tell(withdrawn_need())
        while house.count("inbox") == seen:
            pass
        taken.append(time.monotonic() - started)
        time.sleep(0.02)
    print(f"end to end, idle        {1000 * statistics.median(taken):.1f} ms (worst of 50: {1000 * max(taken):.1f} ms)")


def main() -> None:
    with postgres.start(durable="durable" in sys.argv) as server, rabbitmq.start() as broker, tempfile.TemporaryDirectory() as folder:
        server.create("pantry")
        migrate(server.url("pantry"), "pantry")
        with open_house(server, server.url("pantry"), broker, Path(folder)) as house:
            measure(house, int(sys.argv[1]) if len(sys.argv) > 1 else 20_000)
            assert soon(lambda: house.count("outbox") == 0)


if __name__ == "__main__":
    main()
