"""The hall, beside one indexed SELECT on bare Flask, and posting, at a million needs. JSON lines; exits with 1 when a ratio does not hold.

`python -m bench.needs [--rows 1000000] [--rounds 5] [--seconds 4]`. Both sides take turns behind the same server with as many threads. A
ratio is the median over rounds. Absolute figures depend on the machine. `python -m bench.public_questions --only needs` counts the rows.
"""

import argparse
import asyncio
import json
import os
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlencode

from cryptography.fernet import Fernet

os.environ.setdefault("SEAL_KEYS", Fernet.generate_key().decode())
os.environ.setdefault("FINGERPRINT_KEY", "bench")

import httpx
from flask import Flask
from sqlalchemy import create_engine, text

from bench.public_questions.fill import fill
from bench.public_questions.questions import GENEROUS, client_of
from chassis.data.database import Database, new_id, now
from chassis.http.server import serve
from chassis.settings import WebSettings
from chassis.testing import postgres
from chassis.testing.fixtures import Person
from chassis.testing.templates import create_and_migrate
from contracts.users import HouseholdRegistered
from needs import actions

CONNECTIONS, AT_LEAST, POSTS = 8, 0.5, 500
PAGE = {"region": "5109", "category": "food.rice"}
QUESTIONS: dict[str, tuple[str, dict[str, str]]] = {
    "the plain hall": ("/v1/needs", {}),
    "region and category": ("/v1/needs", PAGE),
    "region, category and words": ("/v1/needs", {"region": "11", "category": "food", "q": "老人独居"}),
    "words that nothing has there": ("/v1/needs", PAGE | {"q": "老人独居"}),
    "counts of region and category": ("/v1/needs/counts", {"region": "5109", "category": "food"}),
    "most urgent in a province": ("/v1/needs", {"region": "51", "sort": "most_urgent"}),
    "nearest": ("/v1/needs", {"sort": "nearest", "near": "510903001"}),
}
HALL_PAGE = "region, category and words"
SELECT = text("SELECT id, region, category, unit, quantity, urgency FROM needs WHERE id > :after ORDER BY id LIMIT 20")
MIDDLE = "00000000-0000-0000-0000-000000000800"


def say(figure: str, unit: str, value: float, **more: object) -> None:
    print(json.dumps({"figure": figure, "value": round(value, 2), "unit": unit} | more, ensure_ascii=False), flush=True)


def bare(url: str) -> Flask:
    """Make an application that answers twenty rows by one SELECT on the primary key."""
    app, engine = Flask("bare"), create_engine(url, pool_size=20, max_overflow=0)

    @app.get("/rows")
    def rows() -> Any:
        with engine.connect() as connection:
            found = connection.execute(SELECT, {"after": MIDDLE}).mappings().all()
        return {"items": [dict(row) | {"id": str(row["id"])} for row in found]}

    return app


def run_server(side: str, url: str, port: int) -> None:
    if side == "bare":
        serve(bare(url), "bare", "127.0.0.1", port, WebSettings.of_environment())
        return
    settings = WebSettings.of_environment()
    client, _ = client_of("needs", web_database(url, settings))
    app: Any = client.flask.application
    serve(app, "needs", "127.0.0.1", port, settings, behind=[app])


def web_database(url: str, settings: WebSettings) -> Database:
    """Make the pool of a web process: no statement takes longer than a request may, so that none has to be given less."""
    return Database(url, name="bench", statement_timeout_ms=int(settings.request_seconds * 1000))


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


@contextmanager
def server(side: str, url: str) -> Iterator[int]:
    """Start one side in a process of its own; yield its port."""
    port = free_port()
    process = subprocess.Popen([sys.executable, "-W", "ignore", "-m", "bench.needs", "--serve", side, url, str(port)])
    try:
        path = "/rows" if side == "bare" else "/v1/needs"
        for _ in range(300):
            try:
                httpx.get(f"http://127.0.0.1:{port}{path}", trust_env=False, timeout=30).raise_for_status()
                break
            except httpx.TransportError:
                time.sleep(0.1)
        yield port
    finally:
        process.terminate()
        process.wait()


async def _keep_asking(port: int, request: bytes, until: float) -> int:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    answered = 0
    while time.monotonic() < until:
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(head.decode())
        length = next(int(line.partition(b":")[2]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:"))
        await reader.readexactly(length)
        answered += 1
    writer.close()
    return answered


def rate(port: int, path: str, query: dict[str, str], seconds: float) -> float:
    """Return how many requests a second are answered on several connections."""
    target = f"{path}?{urlencode(query)}" if query else path
    request = f"GET {target} HTTP/1.1\r\nHost: bench\r\n\r\n".encode()

    async def ask() -> int:
        until = time.monotonic() + seconds
        return sum(await asyncio.gather(*(_keep_asking(port, request, until) for _ in range(CONNECTIONS))))

    began = time.monotonic()
    return asyncio.run(ask()) / (time.monotonic() - began)


def compare(url: str, rounds: int, seconds: float) -> bool:
    """Ask both sides in turns; tell whether the page of the hall holds its share of the bare rate."""
    ours: dict[str, list[float]] = {name: [] for name in QUESTIONS}
    theirs: list[float] = []
    with server("hall", url) as hall, server("bare", url) as plain:
        for _ in range(rounds):
            theirs.append(rate(plain, "/rows", {}, seconds))
            for name, (path, query) in QUESTIONS.items():
                ours[name].append(rate(hall, path, query, seconds))
    peer = round(statistics.median(theirs), 2)
    ratios = {name: statistics.median(one / other for one, other in zip(rates, theirs, strict=True)) for name, rates in ours.items()}
    for name, rates in ours.items():
        bound = {"at_least": AT_LEAST} if name == HALL_PAGE else {}
        say(
            f"hall: {name}",
            "1/s",
            statistics.median(rates),
            peer=peer,
            ratio=round(ratios[name], 2),
            **bound,
        )
    return ratios[HALL_PAGE] >= AT_LEAST


def post_needs(database: Database) -> None:
    """Post needs one by one, each for another household, with checks and commit."""
    client, _ = client_of("needs", database)
    took = []
    wanted = {"category": "food.rice", "quantity": 50, "urgency": "urgent", "reason": "家中断粮，老人行动不便"}
    people = [Person("household") for _ in range(POSTS)]
    for person in people:
        stated: dict[str, Any] = {"account_id": person.id, "region": "510903001001", "status": "registered", "registered_by": None}
        with database.begin() as session:
            actions.record_households(session, [HouseholdRegistered(version=1, household_id=new_id(), registered_at=now(), **stated)])
    for person in people:
        began = time.perf_counter()
        answer = client.post("/v1/needs", wanted, by=person)
        took.append(1000 * (time.perf_counter() - began))
        if answer.status_code != 201:
            raise RuntimeError(answer.text)
    say("posting: median", "ms", statistics.median(took))
    say("posting: p99", "ms", statistics.quantiles(took, n=100)[98], target=30)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--serve", nargs=3)
    given = parser.parse_args()
    os.environ.update(GENEROUS)
    if given.serve:
        run_server(given.serve[0], given.serve[1], int(given.serve[2]))
        return
    with postgres.start(durable=False, settings={"shared_buffers": "512MB", "max_wal_size": "16GB"}) as started:
        url = create_and_migrate(started, "needs", "needs")
        database = Database(url, name="bench", statement_timeout_ms=0)
        began = time.monotonic()
        with database.begin() as session:
            fill(session, "needs", given.rows, cities=20, towns=4, months=36)
        say("tables filled", "s", time.monotonic() - began, rows=given.rows)
        holds = compare(url, given.rounds, given.seconds)
        post_needs(database)
        database.close()
    sys.exit(0 if holds else 1)


if __name__ == "__main__":
    main()
