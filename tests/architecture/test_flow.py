"""The page about the flow names the files that a need passes, from POST to notice and on to delivery."""

import re
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path
from types import FrameType
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from chassis.data.database import Database, new_id
from chassis.http.app import create_app
from chassis.messaging.events import handlers_of
from chassis.settings import Settings
from chassis.testing.fixtures import Client, KnownKeys, Person
from contracts.event import Event
from contracts.users import AdministratorAppointed, HouseholdRegistered
from deploy.local.local_broker import Listener, LocalBroker
from matching import clear

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/flow.md").read_text("utf-8")
VILLAGE = "510903001001"
SERVICES = ("needs", "matching", "notify")
MOST = 35


class House:
    """Needs, matching and notify in one process, with databases of their own and the local broker between them."""

    def __init__(self, database_of: Callable[[str, str], str], keys: KnownKeys, story: str = "flow") -> None:
        urls = {service: database_of(service, f"{service}_{story}") for service in SERVICES}
        with pytest.MonkeyPatch.context() as patch:
            for name, url in urls.items():
                patch.setenv(f"{name.upper()}_DATABASE_URL", url)
            self.settings = {name: Settings.of(name) for name in SERVICES}
        self.databases = {name: Database(url, name="flow") for name, url in urls.items()}
        workers = {name: import_module(f"{name}.worker").Worker for name in SERVICES}
        self.listeners = [
            Listener(self.databases[name], handler, handler.list_handler(getattr(worker(), handler.method)))
            for name, worker in workers.items()
            for handler in handlers_of(worker)
        ]
        self.brokers = [LocalBroker(self.settings[name], self.databases[name], self.listeners) for name in SERVICES]
        apps = {name: create_app(name, import_module(f"{name}.api").api, database=self.databases[name], keys=keys) for name in SERVICES}
        self.clients = {name: Client(app.test_client(), keys) for name, app in apps.items()}

    def close(self) -> None:
        for database in self.databases.values():
            database.close()

    def hear(self, event: Event) -> None:
        """Hand an event of users to its listeners."""
        for listener in self.listeners:
            if listener.handler.subscription.event is type(event):
                with listener.database.begin() as session:
                    listener.act(session, [event])

    def appoint(self, region: str) -> Person:
        person = Person("staff")
        stated = {"user_id": person.id, "region": region, "appointed_by": None, "appointed_at": datetime.now(UTC)}
        self.hear(AdministratorAppointed(version=1, appointment_id=new_id(), **stated))
        return person

    def register_household(self) -> UUID:
        stated = {"account_id": None, "region": VILLAGE, "registered_by": None, "registered_at": datetime.now(UTC)}
        event = HouseholdRegistered(version=1, household_id=new_id(), status="registered", **stated)
        self.hear(event)
        return event.household_id

    def post(self, service: str, path: str, body: dict[str, Any] | None = None, *, by: Person) -> Any:
        answer = self.clients[service].post(path, body, by=by)
        assert answer.status_code < 300, answer.text
        return answer.json

    def deliver(self) -> None:
        """Deliver events until no outbox holds any."""
        while sum(broker.deliver() for broker in self.brokers):
            pass

    def clear(self) -> None:
        """Run the clearing process until its queue is empty."""
        stopping = threading.Event()
        thread = threading.Thread(target=clear.run, args=(self.settings["matching"], stopping))
        thread.start()
        deadline = time.monotonic() + 30
        while self.ask("matching", "SELECT count(*) FROM to_clear") and time.monotonic() < deadline:
            time.sleep(0.02)
        stopping.set()
        thread.join()

    def ask(self, service: str, query: str) -> Any:
        with self.databases[service].begin() as session:
            return session.scalar(text(query))


@contextmanager
def recorded() -> Iterator[set[str]]:
    """Collect the files whose functions are called, in this thread and in those that start meanwhile."""
    files: set[str] = set()

    def note(frame: FrameType, event: str, _: object) -> None:
        if event == "call" and frame.f_code.co_name != "<module>":
            files.add(frame.f_code.co_filename)

    threading.setprofile(note)
    sys.setprofile(note)
    try:
        yield files
    finally:
        sys.setprofile(None)
        threading.setprofile(None)  # type: ignore[arg-type]


def short(file: str) -> str | None:
    """Return the name of a file of the services or the chassis as the page gives it, None for every other file."""
    found = re.fullmatch(rf"{re.escape(str(ROOT))}/(?:services/\w+|chassis)/((?!chassis/testing)\w+/.*\.py)", file)
    return found[1] if found else None


@pytest.fixture(scope="module")
def passed(database_of: Callable[[str, str], str], keys: KnownKeys) -> set[str]:
    """The files that one need passes, from its POST until its match is closed; a pledge that fits waits already."""
    house = House(database_of, keys)
    donor, village, town = Person("donor"), house.appoint(VILLAGE), house.appoint(VILLAGE[:9])
    household = house.register_household()
    until, keeps = ((datetime.now(UTC) + timedelta(days=days)).isoformat() for days in (30, 90))
    pledge = {"kind": "goods", "category": "food.rice", "unit": "kg", "quantity": 100, "region": "5109"}
    pledge |= {"valid_until": until, "best_before": keeps}
    house.post("needs", "/v1/pledges", pledge, by=donor)
    house.deliver()
    house.clear()
    need = {"household_id": str(household), "consent": "slip", "category": "food.rice", "quantity": 50, "urgency": "urgent"}
    with recorded() as files:
        posted = house.post("needs", "/v1/needs", need | {"reason": "家中断粮"}, by=village)
        house.post("needs", f"/v1/needs/{posted['id']}/verification", by=town)
        house.deliver()
        house.clear()
        house.deliver()
        path = f"/v1/matches/{house.ask('matching', 'SELECT id FROM matches')}"
        house.post("matching", f"{path}/acceptance", by=donor)
        house.post("matching", f"{path}/sending", {"carrier": "in_person"}, by=donor)
        house.post("matching", f"{path}/receipt", by=village)
        house.post("matching", f"{path}/closing", by=village)
        house.deliver()
    assert house.ask("matching", "SELECT ended_because FROM matches") == "delivered"
    assert house.ask("notify", "SELECT count(*) FROM notices WHERE kind = 'match_closed'")
    house.close()
    return {name for name in map(short, files) if name}


def section(page: str, heading: str) -> str:
    [found] = re.findall(rf"^##+ {heading}\n(.*?)(?=^##|\Z)", page, re.MULTILINE | re.DOTALL)
    return str(found)


def files_of(text: str) -> list[str]:
    """Return the files of the services and the chassis that a text names, in their order."""
    return re.findall(r"`((?!tests/)\w+/[\w/]+\.py)`", text)


def path_of(file: str) -> Path:
    return ROOT / ("chassis" if file.startswith("chassis/") else f"services/{file.partition('/')[0]}") / file


def wrong_files(page: str, passed: set[str]) -> set[str]:
    """Return the files that the page names and the need does not pass, and those that it passes and the page does not name."""
    carrying, asked, chassis = (
        files_of(section(page, heading))
        for heading in ("One need, from post to delivery", "Files that are only asked", "Files of the chassis")
    )
    services = {file for file in passed if not file.startswith("chassis/")}
    named = [*carrying, *asked, *chassis]
    twice = {file for file in named if named.count(file) > 1}
    missing = {file for file in named if not path_of(file).is_file()}
    return services ^ {*carrying, *asked} | (passed - services - {*chassis}) | twice | missing


def unknown_functions(page: str) -> set[str]:
    """Return functions and classes that the page names beside a file and that the file does not define, as `file name`."""
    found = set()
    for file, names in re.findall(r"^\| \d+ \| `(\S+\.py)`(.*?)\|", page, re.MULTILINE):
        code = path_of(file).read_text("utf-8")
        found |= {f"{file} {name}" for name in re.findall(r"`(\w+)`", names) if not re.search(rf"\b(def|class) {name}\b", code)}
    return found


def test_page_names_exactly_the_files_that_a_need_passes(passed: set[str]) -> None:
    assert wrong_files(PAGE, passed) == set()


def test_a_need_passes_at_most_37_files() -> None:
    rows = re.findall(r"^\| (\d+) \| `(\S+\.py)`", section(PAGE, "One need, from post to delivery"), re.MULTILINE)
    assert [int(number) for number, _ in rows] == list(range(1, len(rows) + 1))
    assert [file for _, file in rows] == files_of(section(PAGE, "One need, from post to delivery"))
    assert len(rows) <= MOST


def test_page_names_functions_that_exist() -> None:
    assert unknown_functions(PAGE) == set()
    assert unknown_functions(PAGE.replace("`post_need`", "`post_wish`")) == {"needs/api/needs.py post_wish", "needs/actions.py post_wish"}


@pytest.mark.parametrize(
    ("change", "file"),
    [
        (("`matching/clear.py`", ""), "matching/clear.py"),
        (("`matching/clear.py`", "`matching/audit.py`"), "matching/audit.py"),
        (("`matching/settings.py`", ""), "matching/settings.py"),
        (("`chassis/messaging/outbox.py`", ""), "chassis/messaging/outbox.py"),
        (("`chassis/relay.py`", "`chassis/carrier.py`"), "chassis/carrier.py"),
        (("`needs/worker.py`", "`needs/worker.py` `needs/rules.py`"), "needs/rules.py"),
    ],
)
def test_file_missing_from_the_page_or_not_passed_is_noticed(passed: set[str], change: tuple[str, str], file: str) -> None:
    assert file in wrong_files(PAGE.replace(*change), passed)
