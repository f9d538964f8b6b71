"""The speed of the chassis beside plain peers. JSON lines; exits with 1 when a ratio does not hold.

`python -m bench.chassis [--events 20000] [--rounds 5] [--seconds 5] [--needs 200]`. Ratios are medians over rounds in which ours
and the peer take turns, so that a busy machine slows both. Absolute figures depend on the machine.
"""

import argparse
import json
import os
import secrets
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from functools import partial
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

from cryptography.fernet import Fernet

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "chassis/tests/house"))
os.environ.setdefault("SEAL_KEYS", Fernet.generate_key().decode())
os.environ.setdefault("FINGERPRINT_KEY", "bench")

import psutil  # noqa: E402
from keeper import House, Process, open_house, soon, withdrawn_pledge  # noqa: E402
from sqlalchemy import select  # noqa: E402

from bench import latency  # noqa: E402
from chassis.data.database import new_id  # noqa: E402
from chassis.data.encryption import encrypted_models  # noqa: E402
from chassis.messaging import outbox  # noqa: E402
from chassis.testing import postgres, rabbitmq  # noqa: E402
from chassis.testing.fixtures import KnownKeys  # noqa: E402
from chassis.testing.folders import kept_ports  # noqa: E402
from chassis.testing.templates import create_and_migrate  # noqa: E402

THREADS, CONNECTIONS = 8, 16
PARTS = ["relay", "handling", "posts", "fronts", "sealing", "latency"]
TEXT = "家中断粮，老人行动不便，盼能送到村口".encode()
short: list[str] = []


def say(figure: str, unit: str, values: list[float], peers: list[float], at_least: float | None = None) -> None:
    """Print one line: the medians of ours and the peer, and the median of the rounds' ratios."""
    ratio = statistics.median(ours / peer for ours, peer in zip(values, peers, strict=True))
    if at_least is not None and ratio < at_least:
        short.append(figure)
    figures = {"value": round(statistics.median(values), 2), "unit": unit, "peer": round(statistics.median(peers), 2)}
    print(json.dumps({"figure": figure, **figures, "ratio": round(ratio, 2), "at_least": at_least}), file=sys.__stdout__, flush=True)


def fill(house: House, events: int) -> None:
    for _ in range(0, events, 1000):
        house.publish(*(withdrawn_pledge() for _ in range(min(events, 1000))))


def purge(house: House) -> None:
    with house.channel() as channel:
        for queue in house.broker.queues(house.vhost):
            channel.queue_purge(queue)


def until(house: House, table: str, count: int) -> float:
    """Return the moment when the table holds `count` rows."""
    while house.count(table) < count:
        time.sleep(0.02)
    return time.monotonic()


@contextmanager
def held(process: Process) -> Iterator[None]:
    """Pause the process while its input is prepared, so that the clock starts with its work."""
    process.signal(signal.SIGSTOP)
    yield
    process.signal(signal.SIGCONT)


def relay(house: House, events: int) -> float:
    process = house.relay().ready()
    before = house.count("journal")
    with held(process):
        fill(house, events)
    started = time.monotonic()
    rate = events / (until(house, "journal", before + events) - started)
    process.stop()
    purge(house)
    return rate


def raw_publishing(house: House, events: int, folder: Path) -> float:
    with house.database.begin() as session:
        rows = session.execute(select(outbox.journal).order_by(outbox.journal.c.told_at.desc()).limit(events)).all()
    lines = folder / "messages"
    lines.write_text("".join(json.dumps([row.name, outbox.envelope_of(row).headers(), row.body]) + "\n" for row in rows))
    command = [sys.executable, "-W", "ignore", "-m", "bench.peers.publish", str(lines)]
    spent = subprocess.run(command, cwd=ROOT, env=os.environ | house.environment, check=True, capture_output=True, text=True).stdout
    purge(house)
    return events / float(spent)


def handling(house: House, events: int, module: str) -> float:
    relay = house.relay().ready()
    before = house.count("journal")
    fill(house, events)
    until(house, "journal", before + events)
    relay.stop()
    process = house.start(module, "pantry")
    done = house.count("inbox")
    process.ready()
    started = time.monotonic()
    soon(lambda: house.count("inbox") > done)
    rate = events / (until(house, "inbox", done + events) - started)
    process.stop()
    return rate


@contextmanager
def public_keys(keys: KnownKeys) -> Iterator[str]:
    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps(keys.current().as_dict(private=False)).encode())

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/v1/jwks"
    server.shutdown()


class Web:
    """A running server under load: requests answered a second, and processor milliseconds for each."""

    def __init__(self, process: Process, port: int, headers: list[dict[str, str]]) -> None:
        self._process, self._port, self._headers = process, port, json.dumps(headers)
        self.costs: list[float] = []
        self.rates: list[float] = []

    def asked(self, seconds: float, method: str = "POST") -> None:
        spent, started = self._spent(), time.monotonic()
        command = [sys.executable, "-m", "bench.peers.load", str(self._port), str(seconds), method]
        rate = float(subprocess.run(command, cwd=ROOT, input=self._headers, check=True, capture_output=True, text=True).stdout)
        self.rates.append(rate)
        self.costs.append(1000 * (self._spent() - spent) / (rate * min(seconds, time.monotonic() - started)))

    def _spent(self) -> float:
        server = psutil.Process(self._process.pid)
        return sum(sum(one.cpu_times()[:2]) for one in [server, *server.children(recursive=True)])


def posts(house: House, rounds: int, seconds: float, folder: Path) -> None:
    keys = KnownKeys()
    with public_keys(keys) as jwks_url:
        ports = kept_ports(folder / "ports", 3)
        settings = {
            "jwks_url": jwks_url,
            "web_threads": THREADS,
            "rate_writes": "1000000/minute",
            "pythonpath": f"{house.environment['PYTHONPATH']}:{ROOT}",
        }
        tokens = [{"Authorization": f"Bearer {keys.token(new_id(), 'donor', minutes=60)}"} for _ in range(CONNECTIONS)]
        ours = Web(house.start("chassis.http", "pantry", port=ports[0], **settings), ports[0], tokens)
        by_objects, by_statement = (
            Web(house.start("bench.peers.bare", str(port), by, **settings), port, [{} for _ in range(CONNECTIONS)])
            for port, by in zip(ports[1:], ("objects", "statement"), strict=True)
        )
        for port in ports:
            latency.wait_for(f"http://127.0.0.1:{port}")
        everybody = (by_objects, by_statement, ours)
        for one in everybody:
            one.asked(1)
            one.rates.clear()
            one.costs.clear()
        for _ in range(rounds):
            for one in everybody:
                one.asked(seconds)
    what = "a POST with token, checks, key and event, beside the same"
    say(f"{what} row by SQLAlchemy's ORM on bare Flask", "requests/s", ours.rates, by_objects.rates, 0.5)
    say(f"{what} row by one statement on bare Flask", "requests/s", ours.rates, by_statement.rates)
    say("what it costs the server in time of its own, beside the ORM's", "ms", ours.costs, by_objects.costs)
    say("what it costs the server in time of its own, beside the statement's", "ms", ours.costs, by_statement.costs)


def fronts(house: House, rounds: int, seconds: float, folder: Path) -> None:
    """Measure the server of a web process beside Granian's WSGI threads, which read bodies without a deadline."""
    keys = KnownKeys()
    with public_keys(keys) as jwks_url:
        ports = kept_ports(folder / "fronts", 2)
        settings = {"jwks_url": jwks_url, "web_threads": THREADS, "rate_writes": "1000000/minute", "rate_reads": "1000000/minute"}
        settings["pythonpath"] = f"{house.environment['PYTHONPATH']}:{ROOT}"
        tokens = [{"Authorization": f"Bearer {keys.token(new_id(), 'donor', minutes=60)}"} for _ in range(CONNECTIONS)]
        ours = Web(house.start("chassis.http", "pantry", port=ports[0], **settings), ports[0], tokens)
        threads = Web(house.start("bench.peers.granian_threads", "pantry", str(ports[1]), str(8 * THREADS), **settings), ports[1], tokens)
        for port in ports:
            latency.wait_for(f"http://127.0.0.1:{port}")
        for method in ("POST", "GET"):
            for one in (ours, threads):
                one.asked(1, method)
                one.rates.clear()
                one.costs.clear()
            for _ in range(rounds):
                for one in (threads, ours):
                    one.asked(seconds, method)
            say(f"a {method} through the server, beside Granian's WSGI threads", "requests/s", ours.rates, threads.rates, 0.9)
            say(f"what a {method} costs the server in time of its own, beside Granian's", "ms", ours.costs, threads.costs)


def sealing(values: int) -> float:
    """Encrypt and decrypt values of a row, each bound to its place."""
    [model] = encrypted_models("pantry")
    [column] = model.columns.values()
    started = time.perf_counter()
    for _ in range(values):
        place = [new_id()]
        assert model.decrypt(column, place, model.encrypt(column, place, None, TEXT)) == TEXT
    return values / (time.perf_counter() - started)


def fernet(values: int) -> float:
    """Encrypt and decrypt values as the releases before did."""
    key = Fernet(os.environ["SEAL_KEYS"].split(",")[0])
    started = time.perf_counter()
    for _ in range(values):
        new_id()
        assert key.decrypt(key.encrypt(TEXT)) == TEXT
    return values / (time.perf_counter() - started)


def alternate(rounds: int, ours: Callable[[], float], peer: Callable[[], float]) -> tuple[list[float], list[float]]:
    pairs = [(ours(), peer()) for _ in range(rounds)]
    return [pair[0] for pair in pairs], [pair[1] for pair in pairs]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--needs", type=int, default=200, help="0 leaves the way of a need out")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS)
    asked = parser.parse_args()
    parts = asked.only
    with tempfile.TemporaryDirectory() as name, postgres.start(durable=False) as server, rabbitmq.start() as broker:
        folder = Path(name)
        create_and_migrate(server, "pantry", "pantry")
        # The pantry's keeper prints logs in the end, which are no figures.
        with redirect_stdout(sys.stderr), open_house(server, server.url("pantry"), broker, folder) as house:
            if "relay" in parts:
                pair = alternate(asked.rounds, partial(relay, house, asked.events), partial(raw_publishing, house, asked.events, folder))
                say("relay, beside raw pipelined publishing", "events/s", *pair, 0.7)
            if "handling" in parts:
                batched, single = (
                    partial(handling, house, asked.events, module) for module in ("chassis.worker", "bench.peers.one_by_one")
                )
                say("@handles_batch, beside @handles on the same events", "events/s", *alternate(asked.rounds, batched, single), 5)
            if "posts" in parts:
                posts(house, asked.rounds, asked.seconds, folder)
            if "sealing" in parts:
                rates = alternate(asked.rounds, partial(sealing, asked.events), partial(fernet, asked.events))
                say("a value encrypted and decrypted in its place, beside Fernet", "values/s", *rates, 1)
            if "fronts" in parts:
                fronts(house, asked.rounds, asked.seconds, folder)
    if "latency" in parts and asked.needs:
        latency.measure(f"bench-{secrets.token_hex(4)}", asked.needs)
    sys.exit(f"too low: {'; '.join(short)}" if short else 0)


if __name__ == "__main__":
    main()
