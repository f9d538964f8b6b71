"""A listener added late, or sent events twice, ends up with the same tables as a live one."""

import io
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, text

from chassis import relay
from chassis.data.database import Database, new_id, now
from chassis.messaging import outbox
from chassis.messaging.broker import Publisher, connected
from chassis.messaging.resend import ResendRefused, subscriptions_of
from chassis.relay import Relay
from chassis.retell import refuse_acting_listener
from chassis.settings import Settings
from chassis.testing.postgres import Postgres
from chassis.testing.rabbitmq import RabbitMQ
from contracts.event import Event, listeners
from needs.events import need_withdrawn
from needs.model import Need, Pledge
from users.households.actions import new_household
from users.households.events import household_registered
from users.households.model import Household

VILLAGE = "510903001001"


@dataclass
class Pair:
    """A producer and a listener with their databases and a private virtual host."""

    producer: str
    listener: str
    source: Database
    target: Database
    environment: dict[str, str]
    folder: Path

    def run(self, *arguments: str) -> str:
        """Return the output of a command."""
        printed = io.StringIO()
        with pytest.MonkeyPatch.context() as change, redirect_stdout(printed):
            change.setattr(sys, "argv", list(arguments))
            import_module(arguments[0]).main()
        return printed.getvalue()

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Run the listener's worker as a process."""
        with (self.folder / "log").open("ab") as log:
            command = [sys.executable, "-W", "ignore", "-m", "chassis.worker", self.listener]
            process = subprocess.Popen(command, env=self.environment, stdout=log, stderr=log)
        try:
            yield
        finally:
            process.terminate()
            assert process.wait(30) == 0, (self.folder / "log").read_text()[-3000:]

    def publish(self, known: Callable[[], dict[str, list[str]]] = listeners) -> None:
        """Publish the outbox to all listeners, which are `known`."""
        with pytest.MonkeyPatch.context() as change, connected(self.environment["BROKER_URL"], 20) as connection:
            change.setattr(relay, "listeners", known)
            publisher, service_relay = Publisher(connection, 10), Relay(Settings.of(self.producer))
            while service_relay.publish_batch(publisher):
                pass

    def write(self, make: Callable[[Any], list[Event]]) -> None:
        with self.source.begin() as session:
            outbox.add(session, *make(session))

    def rows(self, query: str, database: Database | None = None) -> list[Any]:
        with (database or self.target).begin() as session:
            return [tuple(row) for row in session.execute(text(query))]

    def quiet(self, query: str, wanted: int, seconds: float = 60) -> list[Any]:
        """Return the rows of a query once it gives that many and nothing moves."""
        deadline = time.monotonic() + seconds
        before: list[Any] = []
        while time.monotonic() < deadline:
            rows, heard = self.rows(query), self.rows("SELECT count(*) FROM inbox")
            if len(rows) == wanted and before == [rows, heard]:
                return rows
            before = [rows, heard]
            time.sleep(0.5)
        raise AssertionError(f"{len(before[0])} rows instead of {wanted}")


@pytest.fixture
def pair(
    request: pytest.FixtureRequest, postgres: Postgres, rabbitmq: RabbitMQ, database_of: Callable[[str, str], str],
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path,
) -> Iterator[Pair]:  # fmt: skip
    producer, listener = request.param
    urls = {name: database_of(name, f"{name}_republished") for name in (producer, listener)}
    with rabbitmq.vhost() as vhost:
        for name, value in {f"{name.upper()}_DATABASE_URL": url for name, url in urls.items()}.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("BROKER_URL", rabbitmq.url(vhost))
        source, target = (Database(urls[name], name="republishing-test", pool_size=3) for name in (producer, listener))
        yield Pair(producer, listener, source, target, dict(os.environ), tmp_path)
        for database in (source, target):
            database.close()


def households(count: int) -> Callable[[Any], list[Event]]:
    def make(session: Any) -> list[Event]:
        made = [
            new_household({"name": "欧阳", "national_id": str(now()) + str(number), "status": "registered", "region": VILLAGE}, None, None)
            for number in range(count)
        ]
        session.add_all(made)
        session.flush()
        return [household_registered(one) for one in made]

    return make


def moved(session: Any) -> list[Event]:
    """Change ten households."""
    rows = session.scalars(select(Household).limit(10)).all()
    for row in rows:
        row.region, row.version, row.registered_version = VILLAGE[:-1] + "2", 2, 2
    session.flush()
    return [household_registered(row) for row in rows]


HOUSEHOLDS = "SELECT id, version, account_id, region FROM households ORDER BY id"


@pytest.mark.parametrize("pair", [("users", "needs")], indirect=True)
@pytest.mark.parametrize("command", ["replay", "retell"])
def test_listener_added_late_fills_its_tables(pair: Pair, command: str) -> None:
    pair.run("chassis.topology", "users")
    pair.write(households(1000))
    pair.publish(known=dict)
    pair.run("chassis.topology", "needs")
    with pair.listening():
        pair.write(households(20))
        pair.write(moved)
        pair.publish()
        arguments = [f"chassis.{command}", "users", "--to", "needs", "--event", "household_registered"]
        pair.run(*arguments)
        pair.write(households(20))
        pair.publish()
        count = 1040 if command == "retell" else 1050
        filled = pair.quiet(HOUSEHOLDS, 1040)
        assert filled == pair.rows(HOUSEHOLDS, pair.source)
        assert [row[1] for row in filled].count(2) == 10
        assert f'"told": {count}' in pair.run(*arguments), "1040 households; when replayed, ten of them twice"
        assert pair.quiet(HOUSEHOLDS, 1040) == filled


BOOK = "SELECT id, version, quantity, ended FROM {} ORDER BY id"


def needs_and_pledges(session: Any) -> list[Event]:
    """Write needs in every state that matching handles, with their events."""
    ids = {"household_id": new_id(), "poster_id": new_id()}
    needs = [
        Need(**ids, version=2, region=VILLAGE, category="food.rice", unit="kg", quantity=5, urgency="normal", reason="x", state="published",
             published_at=now()) for _ in range(60)
    ]  # fmt: skip
    for need in needs[:30]:
        need.state, need.version, need.ended_at, need.withdrawn_by = "withdrawn", 3, now(), need.poster_id
    for need in needs[30:40]:
        need.state, need.version, need.ended_at, need.ended_because = "closed", 3, now(), "other"
    for need, state in zip(needs[40:50], ["expired", "met"] * 5, strict=True):
        need.state, need.version, need.ended_at = state, 3, now()
    offer = {"kind": "goods", "category": "food.rice", "unit": "kg", "region": "5107", "valid_until": now() + timedelta(days=9)}
    pledges = [Pledge(pledger_id=ids["poster_id"], quantity=10, **offer) for _ in range(60)]
    for pledge in pledges[:20]:
        pledge.version, pledge.withdrawn, pledge.changed_at = 2, True, now()
    for pledge in pledges[20:40]:
        pledge.version, pledge.quantity, pledge.changed_at = 3, 7, now()
    session.add_all([*needs, *pledges])
    return []


@pytest.mark.parametrize("pair", [("needs", "matching")], indirect=True)
def test_a_book_republished_twice_equals_the_tables_of_needs(pair: Pair) -> None:
    pair.write(needs_and_pledges)
    pair.run("chassis.topology", "matching")
    with pair.listening():
        pair.run("chassis.retell", "needs", "--to", "matching")
        needs = "SELECT id, version, quantity, ended_at IS NOT NULL FROM needs ORDER BY id"
        pledges = "SELECT id, version, quantity, withdrawn FROM pledges ORDER BY id"
        assert pair.quiet(BOOK.format("needs"), 60) == pair.rows(needs, pair.source)
        assert pair.quiet(BOOK.format("pledges"), 60) == pair.rows(pledges, pair.source)

        def withdraw(session: Any) -> list[Event]:
            need = session.scalars(select(Need).where(Need.state == "published").limit(1)).one()
            need.state, need.version, need.ended_at, need.withdrawn_by = "withdrawn", 3, now(), need.poster_id
            session.flush()
            return [need_withdrawn(need)]

        pair.write(withdraw)
        pair.publish()
        pair.run("chassis.retell", "needs", "--to", "matching")
        assert pair.quiet(BOOK.format("needs"), 60) == pair.rows(needs, pair.source)
        assert pair.quiet(BOOK.format("pledges"), 60) == pair.rows(pledges, pair.source)
        assert pair.rows("SELECT count(*) FROM needs WHERE ended") == [(51,)]


@pytest.mark.parametrize("pair", [("matching", "notify")], indirect=True)
def test_notify_refuses_republished_events(pair: Pair) -> None:
    with pytest.raises(SystemExit, match="notify refuses to be retold match_proposed: people would be told of what is long past"):
        pair.run("chassis.retell", "matching", "--to", "notify", "--event", "match_proposed")


def test_refusal_is_known_where_the_listener_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("notify", "notify.worker"):
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ResendRefused, match="notify refuses to be retold match_proposed: people would be told of what is long past"):
        refuse_acting_listener("notify", subscriptions_of("matching", "notify", ["match_proposed"]))
    refuse_acting_listener("notify", subscriptions_of("users", "notify", ["administrator_appointed"]))
