"""Signing in, tokens and codes on the whole stack. JSON lines; exits with 1 when a ratio does not hold.

`python -m bench.users [--rounds 5] [--seconds 4] [--codes 30]`. A ratio is the median over rounds in which both sides take turns, so that a
busy machine slows both. Absolute figures depend on the machine.
"""

import argparse
import csv
import json
import os
import secrets
import shutil
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from chassis.testing.folders import is_free
from deploy.local import running
from deploy.local.environment import data_folder
from deploy.local.stack import FIRST_METRICS_PORT

SIGNING_IN = 20
UNLIMITED = dict.fromkeys(("RATE_READS", "RATE_WRITES", "RATE_GUESTS", "RATE_SIGN_INS"), "1000000/minute")
BUDGETS = {"CODES_PER_ADDRESS": "100000", "CODES_PER_DAY": "100000"}
PASSWORD = secrets.token_urlsafe(12)
REGION = "/v1/regions/510903"
ADMINISTRATOR = "18900000000"
NOBODY = "no token"
broken: list[str] = []


def say(figure: str, unit: str, value: float, **more: object) -> None:
    print(json.dumps({"figure": figure, "value": round(value, 2), "unit": unit} | more), flush=True)


def judge(figure: str, unit: str, values: list[float], peers: list[float], holds: Callable[[float], bool], **bound: float) -> None:
    """Print the medians of both sides and of the rounds' ratios; remember the figure when its bound does not hold."""
    ratio = statistics.median(one / other for one, other in zip(values, peers, strict=True))
    if not holds(ratio):
        broken.append(figure)
    say(figure, unit, statistics.median(values), peer=round(statistics.median(peers), 2), ratio=round(ratio, 2), **bound)


class Users:
    """Users' web process, with people who may sign in."""

    def __init__(self, address: str, telephones: str, phones: list[str]) -> None:
        self.address, self.telephones, self.phones = address, telephones, phones
        self.client = httpx.Client(base_url=address, timeout=30, trust_env=False)
        self.signed, self.signed_as_staff = (
            {"Authorization": f"Bearer {self.sign_in(self.client, phone)}"} for phone in (phones[0], ADMINISTRATOR)
        )

    def sign_in(self, client: httpx.Client, phone: str) -> str:
        answer = client.post("/v1/sessions", json={"phone": phone, "password": PASSWORD})
        answer.raise_for_status()
        token: str = answer.json()["access_token"]
        return token

    def ask(self, path: str, seconds: float, headers: dict[str, str] | None = None) -> list[float]:
        """Ask one question after the other, twice at least; return how many milliseconds each took."""
        took, until = list[float](), time.monotonic() + seconds
        while time.monotonic() < until or len(took) < 2:
            began = time.perf_counter()
            self.client.get(path, headers=headers or {}).raise_for_status()
            took.append(1000 * (time.perf_counter() - began))
        return took

    @contextmanager
    def crowd(self) -> Iterator[list[float]]:
        """Let many sign in with passwords, one sign-in after the other each, for as long as the block lasts; yield what each took."""
        over, took = threading.Event(), list[float]()

        def one(phone: str) -> None:
            with httpx.Client(base_url=self.address, timeout=30, trust_env=False) as client:
                while not over.is_set():
                    began = time.perf_counter()
                    self.sign_in(client, phone)
                    took.append(1000 * (time.perf_counter() - began))

        threads = [threading.Thread(target=one, args=(phone,)) for phone in self.phones[1 : SIGNING_IN + 1]]
        for thread in threads:
            thread.start()
        try:
            time.sleep(0.5)
            yield took
        finally:
            over.set()
            for thread in threads:
                thread.join()

    def code_on_the_page(self, phone: str) -> float:
        """Ask for a code to sign in; return the milliseconds until the telephones' page shows it."""
        began = time.perf_counter()
        answer = self.client.post("/v1/sessions/codes", json={"phone": phone})
        answer.raise_for_status()
        code_id = answer.json()["id"]
        while code_id not in httpx.get(f"{self.telephones}/sandbox/telephones.json", params={"phone": phone}, trust_env=False).text:
            if time.perf_counter() - began > 30:
                raise TimeoutError(phone)
            time.sleep(0.01)
        return 1000 * (time.perf_counter() - began)


def p99(took: list[float]) -> float:
    return statistics.quantiles(took, n=100)[98]


def me_during_sign_ins(users: Users, rounds: int, seconds: float) -> None:
    idle, busy, signing = list[float](), list[float](), list[float]()
    users.ask("/v1/me", 1, users.signed)
    for _ in range(rounds):
        idle.append(p99(users.ask("/v1/me", seconds, users.signed)))
        with users.crowd() as took:
            busy.append(p99(users.ask("/v1/me", seconds, users.signed)))
        signing += took
    judge(f"p99 of GET /v1/me during {SIGNING_IN} parallel sign-ins, beside idle", "ms", busy, idle, lambda ratio: ratio <= 3, at_most=3)
    say("median of a sign-in with a password among these", "ms", statistics.median(signing), count=len(signing))


def token_beside_none(users: Users, rounds: int, seconds: float) -> None:
    asking = {"a donor's token": users.signed, "an administrator's token": users.signed_as_staff, NOBODY: {}}
    answers: dict[str, list[float]] = {who: [] for who in asking}
    for headers in asking.values():
        users.ask(REGION, 1, headers)
    for _ in range(rounds):
        for who, headers in asking.items():
            answers[who].append(1000 / statistics.fmean(users.ask(REGION, seconds, headers)))
    for who in sorted(asking.keys() - {NOBODY}):
        figure = f"GET of a region with {who}, beside {NOBODY}"
        judge(figure, "requests/s", answers[who], answers[NOBODY], lambda ratio: ratio >= 0.9, at_least=0.9)


def codes(users: Users, count: int) -> None:
    took = [users.code_on_the_page(phone) for phone in users.phones[:count]]
    say("code request until the code stands on the sandbox's page, p50", "ms", statistics.median(took), count=count)
    say("the slowest of these", "ms", max(took), count=count)


def people(folder: Path, count: int, environment: dict[str, str]) -> list[str]:
    """Import donors with proven phones, and an administrator, by the operators' command; return the donors' phones."""
    phones = [f"188{number:08d}" for number in range(count)]
    listed = folder / "people.csv"
    with listed.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["kind", "phone", "name", "password", "region", "manages"])
        writer.writerow(["staff", ADMINISTRATOR, "某人", PASSWORD, "5109", "5109"])
        writer.writerows(["donor", phone, "某人", PASSWORD, "5109", ""] for phone in phones)
    command = [sys.executable, "-W", "ignore", "-m", "users.import_accounts", str(listed)]
    subprocess.run(command, env=os.environ | environment, check=True, stdout=subprocess.DEVNULL)
    return phones


def free_offset() -> str:
    """Find a port offset at which the ports of a stack are free."""
    ports = [*range(8001, 8006), 8090, *range(FIRST_METRICS_PORT, FIRST_METRICS_PORT + 30)]
    return str(next(offset for offset in range(1000, 9000, 50) if all(is_free(port + offset) for port in ports)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--codes", type=int, default=30)
    asked = parser.parse_args()
    folder = data_folder(f"bench-users-{secrets.token_hex(4)}")
    try:
        with running.stack(folder, "--not-durable", "--quiet", "--port-offset", free_offset(), more=UNLIMITED | BUDGETS) as stated:
            measure(stated, folder, asked)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    sys.exit(f"a ratio does not hold: {'; '.join(broken)}" if broken else 0)


def measure(stated: dict[str, Any], folder: Path, asked: argparse.Namespace) -> None:
    phones = people(folder, max(SIGNING_IN + 1, asked.codes), stated["environment"])
    users = Users(stated["addresses"]["users"], stated["telephones"], phones)
    me_during_sign_ins(users, asked.rounds, asked.seconds)
    token_beside_none(users, asked.rounds, asked.seconds)
    codes(users, asked.codes)


if __name__ == "__main__":
    main()
