"""The main job on real input: GetUsPPE's requests and gifts pass through the whole stack, then an audit counts the results.

Source: the package ppe-match 0.1.4 (MIT), the anonymised requests and gifts of GetUsPPE.org, spring 2020. Its recipients play
households of Suining's villages, its donors are verified organisations that give to the whole city. The city switches on the stock
for a pandemic, and raises caps and limits to what was given and asked for in that spring. Quantities above 10^9 are refused.
Prints one JSON line; `--limit n` replays the first n requests and the gifts up to their date, `--each n` each n-th request and gift.
"""

import argparse
import csv
import itertools
import json
import os
import queue
import secrets
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pandas
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from bench import audit
from chassis.data.database import Database
from chassis.messaging import outbox
from contracts.regions import rows
from contracts.users import OrganisationVerified
from deploy.local.client import ApiClient, RequestRefused, by_service
from deploy.local.environment import data_folder
from deploy.local.running import stack
from deploy.local.sandbox import national_id

CITY = "5109"
HURRIED = {"RATE_WRITES": "100000/minute"}
"""A spring passes in half an hour here: who gave to thousands then answers faster than a caller may."""
MOST = 10**9
AT_ONCE = 8
ITEMS = {
    "respirators": "respirator", "surgicalMasks": "mask", "handmadeMasks": "clothmask", "faceShields": "faceshield",
    "printedFaceShields": "printedshield", "safetyGoggles": "goggles", "safetyGlasses": "glasses", "nitrileGloves": "gloves",
    "gowns": "gown", "coveralls": "coverall", "disposableBooties": "bootie", "surgicalCaps": "cap", "disinfectingWipes": "wipes",
    "handSanitizer": "sanitizer", "thermometers": "thermometer", "paprShield": "papr", "babyMonitors": "monitor", "bodyBags": "bodybag",
}  # fmt: skip


@dataclass(frozen=True)
class Line:
    """A request or a gift: date, person, item, quantity."""

    date: datetime
    who: str
    item: str
    quantity: int
    is_gift: bool


def read(limit: int | None, each: int = 1) -> list[Line]:
    """Read all requests and gifts by date, or the first `limit` requests and the gifts up to their date; of these each n-th."""
    requests = _lines("anon_recipients.csv", "rec_id", is_gift=False)[:limit:each]
    gifts = [gift for gift in _lines("anon_donors.csv", "don_id", is_gift=True)[::each] if not limit or gift.date <= requests[-1].date]
    return sorted(requests + gifts, key=lambda line: line.date)


def _lines(file: str, who: str, is_gift: bool) -> list[Line]:
    spec = find_spec("ppe_match")
    if spec is None or spec.origin is None:
        sys.exit("ppe-match is missing: make install")
    table = pandas.read_csv(Path(spec.origin).parent / "data" / file)
    dates = pandas.to_datetime(table["date"], format="ISO8601", utc=True)
    found = zip(dates, table[who], table["ppe"], table["qty"], strict=True)
    lines = [Line(date.to_pydatetime(), person, f"medical.{ITEMS[ppe]}", round(qty), is_gift) for date, person, ppe, qty in found]
    return sorted(lines, key=lambda line: line.date)


class Players:
    """The cast: recipients as households spread over villages, donors as givers, one administrator for each township."""

    def __init__(self, lines: Iterable[Line]) -> None:
        villages = [code for code, _ in rows() if len(code) == 12 and code.startswith(CITY)]
        number = lambda who: int(who[3:])  # noqa: E731
        recipients = sorted({line.who for line in lines if not line.is_gift}, key=number)
        donors = sorted({line.who for line in lines if line.is_gift}, key=number)
        self.password = secrets.token_urlsafe(9)
        self.village = {who: villages[place % len(villages)] for place, who in enumerate(recipients)}
        self.phone = {who: f"136{place:08d}" for place, who in enumerate(recipients)} | {
            who: f"137{place:08d}" for place, who in enumerate(donors)
        }
        self.town = {town: f"139{place:08d}" for place, town in enumerate(sorted({village[:9] for village in self.village.values()}))}
        self.city = "13800000000"
        self.donors = donors
        self.pledgers: set[str] = set()

    def bring_in(self, folder: Path, variables: dict[str, str]) -> None:
        """Import all accounts with the operators' command."""
        people: list[dict[str, str]] = [
            {"kind": "staff", "phone": phone, "name": f"{town} 管理员", "region": town, "manages": town}
            for town, phone in self.town.items()
        ]
        people.append({"kind": "staff", "phone": self.city, "name": "市管理员", "region": CITY, "manages": CITY})
        people += [{"kind": "organisation", "phone": self.phone[who], "name": who} for who in self.donors]
        for number, (who, village) in enumerate(self.village.items()):
            people.append(
                {"kind": "household", "phone": self.phone[who], "name": who, "region": village, "national_id": national_id(number, village)}
            )
        path = folder / "accounts.csv"
        path.touch(mode=0o600)
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, ["kind", "phone", "name", "password", "region", "manages", "national_id", "status"], restval="")
            writer.writeheader()
            writer.writerows(person | {"password": self.password} for person in people)
        ids = folder / "ids.csv"
        command = [sys.executable, "-W", "ignore", "-m", "users.import_accounts", str(path), "--refused", str(folder / "refused.csv")]
        subprocess.run([*command, "--ids", str(ids)], env=variables, check=True, stdout=subprocess.DEVNULL)
        with ids.open(encoding="utf-8", newline="") as file:
            account = {row["phone"].removeprefix("+86"): UUID(row["account_id"]) for row in csv.DictReader(file)}
        verify(variables["USERS_DATABASE_URL"], [account[self.phone[who]] for who in self.donors], account[self.city])

    def raise_limits(self, crowd: "Crowd") -> None:
        """Let the city's administrator switch on the pandemic's stock, with caps and limits that fit a spring played in half an hour.

        Needs are verified in one step, and none is checked again.
        """
        caps = [{"category": f"medical.{item}", "most": MOST} for item in ITEMS.values()]
        crowd.ask(self.city, lambda client: client.put(f"/v1/catalogue/rules?region={CITY}", {"sets": ["pandemic"], "items": caps}))
        most = [("household", trust, "needs_a_day") for trust in ("new", "proven")]
        most += [("organisation", "verified", limit) for limit in ("open_pledges", "units", "proposals")]
        limits = [{"kind": kind, "trust": trust, "limit": limit, "most": 10**12} for kind, trust, limit in most]
        crowd.ask(self.city, lambda client: client.put(f"/v1/limits?region={CITY}", {"limits": limits}))
        settings = {"county_above": 10**12, "sample_per_mille": 0}
        crowd.ask(self.city, lambda client: client.put(f"/v1/review-settings?region={CITY}", settings))


def verify(users_url: str, organisations: Iterable[UUID], by: UUID) -> None:
    """Publish that an administrator has verified these organisations, as users does."""
    database, at = Database(users_url, name="bench"), datetime.now(UTC)
    with database.begin() as session:
        for one in organisations:
            outbox.add(session, OrganisationVerified(version=1, user_id=one, region=CITY, verified_by=by, verified_at=at))
    database.close()


class Crowd:
    """The API clients of all players, each signed in once, with one shared connection pool. Administrators give their second factor."""

    def __init__(self, addresses: dict[str, str], password: str, administrators: Collection[str]) -> None:
        self._origin = by_service(addresses)
        self._password = password
        self._administrators = frozenset(administrators)
        self._clients: dict[str, tuple[ApiClient, threading.Lock]] = {}
        self._making = threading.Lock()
        self._client = httpx.Client(timeout=60, trust_env=False, limits=httpx.Limits(max_connections=2 * AT_ONCE))

    def ask(self, phone: str, act: Callable[[ApiClient], Any]) -> Any:
        with self._making:
            client, lock = self._clients.setdefault(phone, (ApiClient(self._origin, self._client), threading.Lock()))
        with lock:
            if not client.is_signed_in:
                client.sign_in(phone, self._password)
                if phone in self._administrators:
                    client.set_up_second_factor()
        return act(client)


def play(
    lines: Iterable[Line], players: Players, crowd: Crowd, progress: Progress, failure: "queue.Queue[BaseException]"
) -> tuple[int, int, int]:
    """Post, verify and pledge by date, `AT_ONCE` at a time; return the numbers of needs, pledges and refusals.

    Raises the first error of the accepting thread at once.
    """
    lines = list(lines)
    task = progress.add_task("需求与爱心意向 needs and pledges", total=len(lines))
    until, keeps = ((datetime.now(UTC) + timedelta(days=days)).isoformat() for days in (365, 730))
    outcomes: list[Future[str]] = []
    slots = threading.Semaphore(4 * AT_ONCE)

    def one(line: Line) -> str:
        try:
            if line.is_gift:
                body = {"category": line.item, "unit": "piece", "quantity": line.quantity, "region": CITY}
                body |= {"valid_until": until, "best_before": keeps}
                crowd.ask(players.phone[line.who], lambda client: client.post("/v1/pledges", body))
                players.pledgers.add(line.who)
                return "pledge"
            body = {"category": line.item, "quantity": line.quantity, "urgency": "urgent", "reason": f"{line.date:%Y-%m-%d} 申请"}
            need = crowd.ask(players.phone[line.who], lambda client: client.post("/v1/needs", body))
            town = players.town[players.village[line.who][:9]]
            crowd.ask(town, lambda client: client.post(f"/v1/needs/{need['id']}/verification"))
            return "need"
        except RequestRefused as refused:
            if refused.code != "invalid":
                raise
            return "refused"
        finally:
            slots.release()
            progress.advance(task)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        for line in lines:
            slots.acquire()
            if not failure.empty():
                raise failure.get()
            outcomes.append(pool.submit(one, line))
    counted = [outcome.result() for outcome in outcomes]
    return counted.count("need"), counted.count("pledge"), counted.count("refused")


def accept_all(players: Players, crowd: Crowd, progress: Progress, posting_done: threading.Event, is_quiet: Callable[[], bool]) -> None:
    """Accept proposals for every giver once a minute, until the stack is quiet and nothing is left to accept."""
    task = progress.add_task("接受 accepted", total=None)

    def look(who: str) -> int:
        def act(client: ApiClient) -> int:
            proposed = list(client.every("/v1/matches", state="proposed"))
            for match in proposed:
                client.post(f"/v1/matches/{match['id']}/acceptance")
                progress.advance(task)
            return len(proposed)

        return int(crowd.ask(players.phone[who], act))

    with ThreadPoolExecutor(2) as pool:
        while True:
            may_end = posting_done.is_set() and is_quiet()
            accepted = sum(pool.map(look, sorted(players.pledgers)))
            if may_end and not accepted:
                return
            if not posting_done.is_set():
                posting_done.wait(60)


@contextmanager
def fresh_stack(running: Path | None) -> Iterator[tuple[Path, dict[str, Any]]]:
    """The folder of a stack and what it states: of one that runs, or of one that is started and removed unless the run fails."""
    if running:
        yield running, json.loads((running / "stack.json").read_text())
        return
    folder = data_folder(f"getusppe-{secrets.token_hex(4)}")
    with stack(folder, "--port-offset", "400", "--not-durable", more=HURRIED) as stated:
        yield folder, stated
    shutil.rmtree(folder)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--limit", type=int)
    parser.add_argument("--each", type=int, default=1)
    parser.add_argument("--stack", type=Path, help="the folder of a stack that runs and has seen nothing yet; by default one is started")
    asked = parser.parse_args()
    started = time.monotonic()
    lines = read(asked.limit, asked.each)
    players = Players(lines)
    columns = [TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn()]
    with (
        fresh_stack(asked.stack) as (folder, stated),
        Progress(*columns, console=Console(stderr=True)) as progress,
    ):
        variables = os.environ | stated["environment"]
        players.bring_in(folder, variables)
        watch = audit.Audit(stated["environment"])
        _wait(watch.is_quiet, progress, "事件送达 events heard")
        crowd = Crowd(stated["addresses"], players.password, [players.city, *players.town.values()])
        players.raise_limits(crowd)
        posting_done = threading.Event()
        failure: queue.Queue[BaseException] = queue.Queue()
        accepting = threading.Thread(
            target=_noting(failure, lambda: accept_all(players, crowd, progress, posting_done, watch.is_quiet)), daemon=True
        )
        accepting.start()
        needs, pledges, refused = play(lines, players, crowd, progress, failure)
        posting_done.set()
        accepting.join()
        if not failure.empty():
            raise failure.get()
        _wait(watch.is_quiet, progress, "收尾 quiet at last")
        counted = watch.count()
    if needs + pledges + refused != len(lines):
        sys.exit(f"{needs} needs + {pledges} pledges + {refused} refused are not the {len(lines)} lines read")
    print(json.dumps({"needs": needs, "pledges": pledges, "refused": refused, **counted, "seconds": round(time.monotonic() - started)}))


def _noting(failure: "queue.Queue[BaseException]", work: Callable[[], None]) -> Callable[[], None]:
    def run() -> None:
        try:
            work()
        except Exception as error:
            failure.put(error)

    return run


def _wait(condition: Callable[[], bool], progress: Progress, words: str) -> None:
    task = progress.add_task(words, total=None)
    for _ in itertools.count():
        if condition():
            break
        time.sleep(0.5)
    progress.update(task, total=1, completed=1)


if __name__ == "__main__":
    main()
