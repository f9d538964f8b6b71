"""A campaign of rolling restarts of every role under requests and events, with a ledger of lost work.

`python -m tests.rolling.campaign [--times 10] [--rate 200] [--events 14000] [--roles needs-web,…]`: the five services and a
witness as real processes on a private RabbitMQ and PostgreSQL. Its last line is what it came to, in JSON; it ends with 1 if anything
failed, or got lost, or was done twice.
"""

import argparse
import json
import secrets
import shutil
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from chassis.testing.folders import make_folder
from deploy.local.environment import data_folder, signing_key_of
from tests.faults.campaign import WITNESS_HEARS, servers, settle
from tests.faults.driver import Driver
from tests.faults.ledger import Ledger
from tests.faults.scene import HOUSE, Scene, scene
from tests.rolling.clients import Clients
from tests.rolling.workers import DRAIN_SECONDS, Workers, replace

ROLES = (
    "users-web", "users-relay", "users-worker", "needs-web", "needs-relay", "needs-worker", "matching-web", "matching-relay",
    "matching-worker", "matching-clear", "notify-web", "notify-relay", "notify-worker", "insight-web", "insight-relay", "insight-worker",
    "witness-worker",
)  # fmt: skip
UNLIMITED = dict.fromkeys(("RATE_READS", "RATE_WRITES", "RATE_GUESTS"), "1000000/minute")
EVENTS_A_SECOND = 20
STARTED_TOGETHER = 4


@dataclass(frozen=True)
class Plan:
    """A plan: `roles` run; each of `replaced` is replaced `times` times, so many of them `together`, round after round."""

    roles: Sequence[str] = ROLES
    replaced: Sequence[str] = ROLES
    times: int = 10
    rate: float = 200
    events: int = 14_000
    seed: int = 1
    drain_seconds: float = DRAIN_SECONDS
    together: int = 1
    is_forked: bool = False

    def groups(self) -> list[Sequence[str]]:
        """Return the roles that are replaced at the same time, in the order of the restarts."""
        starts = range(0, len(self.replaced), self.together)
        return [self.replaced[start : start + self.together] for _ in range(self.times) for start in starts]

    @property
    def services(self) -> list[str]:
        return sorted({role.partition("-")[0] for role in self.roles})


def run(opened: Scene, plan: Plan, progress: Progress) -> dict[str, int]:
    """Start the roles, replace them under load, wait until the house is quiet, and count."""
    groups = {name: Workers(name, opened.folder, plan.is_forked) for name in plan.roles}
    try:
        return _run(opened, plan, groups, progress)
    finally:
        for workers in groups.values():
            workers.close()


def _run(opened: Scene, plan: Plan, groups: dict[str, Workers], progress: Progress) -> dict[str, int]:
    addresses = {workers.service: f"http://127.0.0.1:{workers.wire.port}" for workers in groups.values() if workers.wire}
    key = signing_key_of(opened.folder)
    _start(groups, _told(opened, plan, addresses, key))
    # A service without a relay tells nothing: its database is only there for its web process.
    urls = {service: url for service, url in opened.urls.items() if {f"{service}-relay", f"{service}-worker"} & set(groups)}
    driver = Driver(urls, plan.events, EVENTS_A_SECOND, plan.seed)
    clients = Clients(addresses, key.read_bytes(), plan.rate, plan.seed)
    _verify(opened.url("needs"), clients)
    driver.start()
    clients.start()
    restarts = len(plan.replaced) * plan.times
    task = progress.add_task("重启 restarts", total=restarts)
    done = 0
    for names in plan.groups():
        done += len(names)
        driver.allow(done / restarts)
        started, failed = time.monotonic(), len(clients.failures)
        replace([groups[name] for name in names])
        said = f"{done:3} {', '.join(names)} ({time.monotonic() - started:.1f} s), {len(clients.seconds)} requests"
        progress.console.print(said, highlight=False)
        for failure in clients.failures[failed:][:5]:
            progress.console.print(failure, highlight=False, markup=False)
        progress.advance(task, len(names))
    reached = clients.finish()
    driver.finish(600)
    _tell(clients, reached, progress.console)
    ledger = Ledger(urls, opened.broker_url, WITNESS_HEARS)
    settle(opened, ledger, progress)
    counted = ledger.count(driver.written)
    progress.console.print(f"{counted}", highlight=False)
    lost, twice = _pledges_amiss(opened.url("needs"), clients)
    others = sum(figure for name, figure in counted.items() if name not in {"events", "lost", "twice"})
    if others:
        raise RuntimeError(f"it did not come to rest: {counted}")
    return {
        "requests": len(clients.seconds),
        "failed": len(clients.failures),
        "restarts": restarts,
        "events": counted["events"],
        "lost": counted["lost"] + lost,
        "twice": counted["twice"] + twice,
    }


def _verify(url: str, clients: Clients) -> None:
    """Let needs know the clients as verified organisations, which may pledge all day."""
    with psycopg.connect(url) as connection:
        connection.execute("INSERT INTO organisations SELECT *, 1, true FROM unnest(%s::uuid[])", (clients.people,))


def _told(opened: Scene, plan: Plan, addresses: dict[str, str], key: Path) -> dict[str, str]:
    """Return the environment of every process, without a proxy before its servers."""
    databases = {f"{service.upper()}_DATABASE_URL": url.replace("://", "+psycopg://") for service, url in opened.urls.items()}
    own = {
        "BROKER_URL": opened.broker_url,
        "USERS_SIGNING_KEYS": str(key),
        "JWKS_URL": f"{addresses['users']}/v1/jwks",
        "DRAIN_SECONDS": str(plan.drain_seconds),
        "LOG_LEVEL": "WARNING",
    }
    return opened.environment | UNLIMITED | databases | own


def _start(groups: dict[str, Workers], environment: dict[str, str]) -> None:
    waiting = list(groups.values())
    while waiting:
        group, waiting = waiting[:STARTED_TOGETHER], waiting[STARTED_TOGETHER:]
        for workers in group:
            workers.start(environment)
        for workers in group:
            workers.get_ready()


def _pledges_amiss(url: str, clients: Clients) -> tuple[int, int]:
    """Count pledges answered with 201 that are missing, and pledges stored twice for one request."""
    with psycopg.connect(url) as connection:
        rows = connection.execute("SELECT id FROM pledges WHERE pledger_id = ANY(%s)", (clients.people,)).fetchall()
    standing = {str(pledge) for (pledge,) in rows}
    asked_in_vain = sum(failure.startswith("POST") for failure in clients.failures)
    return len(set(clients.pledged) - standing), max(0, len(standing) - len(clients.pledged) - asked_in_vain)


def _tell(clients: Clients, reached: float, console: Console) -> None:
    ranked = sorted(clients.seconds)
    middle, most, longest = (ranked[min(len(ranked) - 1, int(len(ranked) * share))] for share in (0.5, 0.99, 1))
    console.print(
        f"{reached:.0f} requests/s, {dict(clients.outcomes)}, {len(clients.pledged)} pledges;"
        f" half within {middle * 1000:.0f} ms, 99 % within {most * 1000:.0f} ms, the longest {longest:.1f} s",
        highlight=False,
    )


def amiss(counted: dict[str, Any]) -> bool:
    return any(counted[name] for name in ("failed", "lost", "twice"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=10)
    parser.add_argument("--rate", type=float, default=200)
    parser.add_argument("--events", type=int, default=14_000)
    parser.add_argument("--roles", type=lambda text: tuple(text.split(",")), default=ROLES, help="which are replaced")
    parser.add_argument("--together", type=int, default=1, help="how many roles are replaced at the same time")
    parser.add_argument("--drain-seconds", type=float, default=DRAIN_SECONDS)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1_000_000))
    asked = parser.parse_args()
    sys.path.insert(0, str(HOUSE))
    plan = Plan(ROLES, asked.roles, asked.times, asked.rate, asked.events, asked.seed, asked.drain_seconds, asked.together)
    folder = make_folder(data_folder(f"rolling-{secrets.token_hex(4)}"))
    columns = [TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()]
    console = Console(stderr=True)
    with servers(folder) as (database, broker), Progress(*columns, console=console) as progress:
        console.print(f"SEED={asked.seed}", highlight=False)
        with scene(database, broker, plan.services, (), folder) as opened:
            counted = run(opened, plan, progress)
    if amiss(counted):
        console.print(f"logs: {folder}", highlight=False)
    else:
        shutil.rmtree(folder)
    print(json.dumps(counted))
    sys.exit(1 if amiss(counted) else 0)


if __name__ == "__main__":
    main()
