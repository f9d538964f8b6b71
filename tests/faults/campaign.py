"""A campaign of thousands of events through dozens of faults, and a ledger of lost and repeated work.

`python -m tests.faults.campaign [--seed n] [--events 20000] [--faults 66]`: needs, matching, notify and a witness as real processes
on a private RabbitMQ and PostgreSQL. Its last line is the ledger's, in JSON; it ends with 1 unless everything but events and faults is 0.
"""

import argparse
import json
import os
import secrets
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from chassis.testing import postgres, rabbitmq
from tests.faults.driver import Driver
from tests.faults.faults import Faults
from tests.faults.ledger import Ledger
from tests.faults.plan import draw
from tests.faults.scene import HOUSE, Scene, Servers, scene

SERVICES = ("witness", "matching", "notify", "needs", "users")
ROLES = (
    "users-relay", "users-worker", "needs-relay", "needs-worker", "matching-relay", "matching-worker", "matching-clear", "matching-clear2",
    "notify-relay", "notify-worker", "witness-worker",
)  # fmt: skip
WITNESS_HEARS = dict.fromkeys(("need_published", "match_proposed", "pledge_offered", "pledge_changed", "need_withdrawn"), ("witness",))
WRITTEN_SHARE = 0.45
RATE = 150
STUCK_SECONDS = 60


def run(opened: Scene, events: int, faults: int, seed: int, progress: Progress) -> dict[str, int]:
    """Run the seed's plan of faults, wait until the house is quiet, and count."""
    opened.start()
    driver = Driver(opened.urls, round(events * WRITTEN_SHARE), RATE, seed)
    driver.start()
    doer, struck = Faults(opened), 0
    plan = draw(seed, faults, ROLES)
    task = progress.add_task("故障 faults", total=faults)
    for number, fault in enumerate(plan, 1):
        driver.allow(number / (faults + 1))
        deadline = time.monotonic() + fault.pause_seconds
        opened.wait(lambda deadline=deadline: time.monotonic() > deadline, 10)  # type: ignore[misc]
        started = time.monotonic()
        did = doer.do(fault)
        struck += did
        progress.console.print(
            f"{number:3} {fault}{'' if did else ': nobody came by'} ({time.monotonic() - started:.1f} s)", highlight=False
        )
        progress.advance(task)
    driver.finish(120)
    ledger = Ledger(opened.urls, opened.broker_url, WITNESS_HEARS)
    settle(opened, ledger, progress)
    counted = ledger.count(driver.written)
    return {"events": counted.pop("events"), "faults": struck, **counted}


def settle(opened: Scene, ledger: Ledger, progress: Progress) -> None:
    """Wait until all is quiet, or until nothing moved for a while; the ledger then shows what is stuck."""
    started = moved_at = time.monotonic()
    before = ledger.moving()
    while not opened.wait(ledger.is_quiet, 10) and time.monotonic() - moved_at < STUCK_SECONDS:
        if (now := ledger.moving()) != before:
            before, moved_at = now, time.monotonic()
        unpublished, to_clear, waiting, heard, published = before
        progress.console.print(
            f"unpublished {unpublished}, to clear {to_clear}, in queues {waiting}, heard {heard}, published {published}", highlight=False
        )
    progress.console.print(f"quiet after {time.monotonic() - started:.0f} s", highlight=False)


@contextmanager
def servers(folder: Path, durable: bool = True) -> Iterator[Servers]:
    """Start PostgreSQL and RabbitMQ. Commits survive kill -9, and with `durable` a power cut."""
    settings = {"max_connections": "400", "synchronous_commit": "on"}
    with (
        postgres.start(folder / "postgres", settings, durable=durable, is_kept=False) as database,
        rabbitmq.start(folder / "rabbitmq", is_kept=False) as broker,
    ):
        yield database, broker


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1_000_000))
    parser.add_argument("--events", type=int, default=20_000)
    parser.add_argument("--faults", type=int, default=66)
    asked = parser.parse_args()
    sys.path.insert(0, str(HOUSE))
    base = Path("/var/lib/duijie") if os.geteuid() == 0 else Path("var").resolve()
    folder = postgres.make_folder(base / f"faults-{secrets.token_hex(4)}")
    started = time.monotonic()
    columns = [TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()]
    console = Console(stderr=True)
    with servers(folder) as (database, broker), Progress(*columns, console=console) as progress:
        console.print(f"SEED={asked.seed}, RabbitMQ {broker.version}", highlight=False)
        with scene(database, broker, SERVICES, ROLES, folder, declares_twice=True) as opened:
            counted = run(opened, asked.events, asked.faults, asked.seed, progress)
    console.print(f"{time.monotonic() - started:.0f} s", highlight=False)
    amiss = [name for name, figure in counted.items() if name not in {"events", "faults"} and figure]
    short = counted["events"] < asked.events
    if amiss or short:
        console.print(f"logs: {folder}; SEED={asked.seed}", highlight=False)
    else:
        shutil.rmtree(folder)
    print(json.dumps(counted))
    sys.exit(1 if amiss or short else 0)


if __name__ == "__main__":
    main()
