"""Notices from their events to the provider, beside one by one. JSON lines; exits with 1 under the bound.

`python -m bench.sending [--messages 50000] [--alone 300] [--provider-ms 50]`. Events are written as notify's worker writes them, 500 a
transaction; the sending process, users' door and a server that plays Aliyun are real. Each letter keeps the provider busy for
`--provider-ms`, as a distant one does. *One by one* is the same code with one event a transaction and one message in hand. A ledger counts
that the provider took each message once. Broker and relay are not part of it; `bench.chassis` measures them.
"""

import argparse
import json
import os
import secrets
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import UUID

import httpx
from cryptography.fernet import Fernet
from msgspec.structs import replace
from sqlalchemy import delete

from chassis.testing import postgres
from chassis.testing.folders import kept_ports
from chassis.testing.templates import create_migrated
from contracts.event import Event
from contracts.generate import example_of
from contracts.matching import MatchAccepted
from deploy.local.environment import signing_key_of
from notify.settings import AliyunSettings
from tests.integration.aliyun import Aliyun

VILLAGE, BATCH, AT_LEAST = "510903001001", 500, 5.0
ACCOUNT = AliyunSettings(
    key_id="LTAIofnobodyatall",
    key_secret="secretofnobodyatall",
    sign_name="对接沙盒",
    templates={"code": "SMS_1", "news": "SMS_2", "help_coming": "SMS_3"},
    endpoint="http://127.0.0.1:1",
)


def register(url: str, number: int, first: int) -> list[UUID]:
    """Register households without an account, each with a telephone of its own."""
    from chassis.data.database import Database, new_id
    from chassis.data.encryption import fingerprint
    from users.households.model import Household

    database, ids = Database(url, name="bench"), list[UUID]()
    for start in range(first, first + number, BATCH):
        with database.begin() as session:
            for one in range(start, min(start + BATCH, first + number)):
                telephone = f"+86137{one:08}"
                row = Household(
                    id=new_id(), name="某户", national_id=str(one), national_id_fingerprint=fingerprint(str(one)), status="registered",
                    region=VILLAGE, contact_phone=telephone, contact_phone_fingerprint=fingerprint(telephone), phone_kind="own",
                )  # fmt: skip
                session.add(row)
                ids.append(row.id)
    database.close()
    return ids


def events_of(households: Sequence[UUID]) -> list[Event]:
    """Make an event for each household: somebody agreed to help."""
    from chassis.data.database import new_id

    example = example_of(MatchAccepted)
    return [replace(example, match_id=new_id(), household_id=one, account_id=None, region=VILLAGE) for one in households]


def write(database: Any, events: Sequence[Event]) -> None:
    """Write the notices of events; messages to others than the households are left out of both sides."""
    from notify import actions
    from notify.messages.model import Message

    with database.begin() as session:
        actions.write_notices(session, events)
        session.execute(delete(Message).where(Message.region.is_(None)))


def send_one_by_one(url: str, households: Sequence[UUID]) -> None:
    """Write and send one message after the other, and print how many seconds all of them took."""
    from chassis.data.database import Database
    from notify.messages import actions, sending

    database = Database(url, name="bench")
    sender = sending.Sender("notify", database, threading.Event(), sending.Lane(sending.PEOPLE.priorities, 1))
    events = events_of(households)
    began = time.perf_counter()
    for event in events:
        write(database, [event])
        with database.begin() as session:
            sender.take(actions.claim(session, 1))
        while not sender.free:
            sender.wait(0.5)
    print(time.perf_counter() - began)
    sender.close()
    database.close()


@contextmanager
def started(module: str, service: str, environment: dict[str, str]) -> Iterator[None]:
    """Run a process of a service for as long as the block lasts."""
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-m", module, service],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.STDOUT,
    )
    try:
        yield
    finally:
        process.terminate()
        process.wait(30)


def await_answer(address: str) -> None:
    """Wait until a web process answers."""
    for _ in range(600):
        try:
            if httpx.get(address, trust_env=False).status_code == 200:
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.1)
    raise SystemExit(f"{address} does not answer")


def await_taken(player: Aliyun, number: int) -> None:
    """Wait until the provider took so many letters."""
    until = time.monotonic() + 60 + number
    while len(player.taken) < number:
        if time.monotonic() > until:
            raise SystemExit(f"the provider took {len(player.taken)} of {number} letters")
        time.sleep(0.01)


def run(server: postgres.Postgres, folder: Path, given: argparse.Namespace) -> tuple[float, float]:
    """Run both sides; return the letters a second of each."""
    from chassis.data.database import Database

    player = Aliyun(ACCOUNT, 0)
    player.open()
    player.before = lambda phone: time.sleep(given.provider_ms / 1000)
    urls = {name: create_migrated(server, name, f"{name}_sending") for name in ("users", "notify")}
    [web] = kept_ports(folder / "ports", 1)
    environment = dict(os.environ) | {f"{name.upper()}_DATABASE_URL": url for name, url in urls.items()}
    environment |= {"PORT": str(web), "USERS_URL": f"http://127.0.0.1:{web}", "USERS_SIGNING_KEYS": str(signing_key_of(folder))}
    environment |= {"ALIYUN_KEY_ID": ACCOUNT.key_id, "ALIYUN_KEY_SECRET": ACCOUNT.key_secret, "ALIYUN_SMS_SIGN_NAME": ACCOUNT.sign_name}
    environment |= {"ALIYUN_SMS_TEMPLATES": ",".join(f"{name}={number}" for name, number in ACCOUNT.templates.items())}
    environment |= {"ALIYUN_SMS_ENDPOINT": player.account.endpoint, "SMS_PER_SECOND": "10000", "SMS_PER_DAY": "1000000", "POOL_SIZE": "20"}
    alone, many = register(urls["users"], given.alone, 0), register(urls["users"], given.messages, given.alone)
    with started("chassis.http", "users", environment):
        await_answer(f"http://127.0.0.1:{web}/livez")
        command = [sys.executable, "-W", "ignore", "-m", "bench.sending", "--url", urls["notify"], *map(str, alone)]
        said = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
        await_taken(player, given.alone)
        slow = given.alone / float(said.stdout.split()[-1])
        database = Database(urls["notify"], name="bench")
        with started("notify.send", "notify", environment):
            events = events_of(many)
            began = time.perf_counter()
            for start in range(0, len(events), BATCH):
                write(database, events[start : start + BATCH])
            await_taken(player, given.alone + given.messages)
            fast = given.messages / (time.perf_counter() - began)
        database.close()
    player.close()
    repeated = [one for one, times in Counter(letter.out_id for letter in player.taken).items() if times > 1]
    if repeated:
        raise SystemExit(f"{len(repeated)} messages came twice")
    return fast, slow


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=50_000)
    parser.add_argument("--alone", type=int, default=300)
    parser.add_argument("--provider-ms", type=float, default=50)
    parser.add_argument("--url", help=argparse.SUPPRESS)
    parser.add_argument("households", nargs="*", type=UUID, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.url:
        send_one_by_one(given.url, given.households)
        return
    for name in ("SEAL_KEYS", "KEY_ENCRYPTION_KEYS"):
        os.environ.setdefault(name, Fernet.generate_key().decode())
    for name in ("FINGERPRINT_KEY", "CODE_KEYS", "DOOR_KEYS"):
        os.environ.setdefault(name, secrets.token_urlsafe(32))
    os.environ.setdefault("NO_PROXY", "*")
    os.environ.setdefault("PUBLIC_URL", "https://duijie.example.org")
    with TemporaryDirectory() as folder, postgres.start(durable=False) as server:
        fast, slow = run(server, Path(folder), given)
    of = f"{given.messages} notices from events to a provider that takes {given.provider_ms:g} ms"
    said = {"figure": f"{of}, beside one by one", "value": round(fast, 1), "unit": "1/s", "peer": round(slow, 1)}
    print(json.dumps(said | {"ratio": round(fast / slow, 2), "at_least": AT_LEAST}, ensure_ascii=False))
    if fast < AT_LEAST * slow:
        sys.exit("under the bound")


if __name__ == "__main__":
    main()
