"""Latency on an idle stack, from the answer to a need's verification until the giver's notice is in notify's database."""

import json
import os
import secrets
import shutil
import statistics
import time
from datetime import UTC, datetime, timedelta

import httpx
import psycopg
from rich.console import Console
from rich.progress import Progress

from bench.getusppe import CITY, Crowd, Line, Players
from deploy.local.environment import data_folder
from deploy.local.running import stack

ITEM = "medical.mask"
TARGETS_MS = {50: 50, 99: 200}
PAUSE_SECONDS = 0.1


def wait_for(address: str, seconds: float = 60) -> None:
    """Wait until the server at this address is ready. Raises RuntimeError when it does not become ready."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if httpx.get(f"{address}/readyz", timeout=2, trust_env=False).status_code == 200:
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.1)
    raise RuntimeError(f"{address} is not ready")


def measure(name: str, needs: int) -> None:
    """Print two lines, the median and the 99th percentile, with their targets."""
    folder = data_folder(name)
    today = datetime.now(UTC)
    lines = [Line(today, f"rec{number}", ITEM, 1, is_gift=False) for number in range(needs)] + [
        Line(today, "don1", ITEM, needs, is_gift=True)
    ]
    players = Players(lines)
    with stack(folder, "--port-offset", str(600 + 10 * secrets.randbelow(20))) as stated:
        players.bring_in(folder, os.environ | stated["environment"])
        crowd = Crowd(stated["addresses"], players.password, [players.city, *players.town.values()])
        body = {
            "category": ITEM,
            "unit": "piece",
            "quantity": needs,
            "region": CITY,
            "valid_until": (today + timedelta(days=9)).isoformat(),
            "best_before": (today + timedelta(days=99)).isoformat(),
        }
        crowd.ask(players.phone["don1"], lambda client: client.post("/v1/pledges", body))
        url = stated["environment"]["NOTIFY_DATABASE_URL"].replace("+psycopg", "")
        with psycopg.connect(url, autocommit=True) as notify, Progress(console=Console(stderr=True)) as progress:
            time.sleep(5)
            track = progress.track(lines[:needs], description="通知 notices")
            taken = sorted(1000 * _one(crowd, players, notify, line) for line in track)
    shutil.rmtree(folder)
    for percentile, target in TARGETS_MS.items():
        value = statistics.quantiles(taken, n=100, method="inclusive")[percentile - 1] if needs > 1 else taken[0]
        figure = f"need verified to giver's notice, idle stack, p{percentile}"
        print(
            json.dumps({"figure": figure, "value": round(value, 1), "unit": "ms", "peer": None, "ratio": None, "target": target}),
            flush=True,
        )


def _one(crowd: Crowd, players: Players, notify: psycopg.Connection[tuple[int]], line: Line) -> float:
    wanted = {"category": line.item, "quantity": 1, "urgency": "urgent", "reason": "量一量"}
    need = crowd.ask(players.phone[line.who], lambda client: client.post("/v1/needs", wanted))
    town = players.town[players.village[line.who][:9]]
    crowd.ask(town, lambda client: client.get(f"/v1/needs/{need['id']}"))
    crowd.ask(town, lambda client: client.post(f"/v1/needs/{need['id']}/verification"))
    answered = time.monotonic()
    while not notify.execute(_TOLD, {"need": need["id"]}).fetchone():
        if time.monotonic() - answered > 30:
            raise RuntimeError("no notice after 30 s")
        time.sleep(0.001)
    spent = time.monotonic() - answered
    time.sleep(PAUSE_SECONDS)
    return spent


_TOLD = "SELECT 1 FROM notices WHERE kind = 'match_proposed' AND side = 'giver' AND facts ->> 'need_id' = %(need)s"
