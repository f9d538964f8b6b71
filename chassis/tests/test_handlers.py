"""Handlers: the types of their methods, one method for several events, and those that every worker has."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any, cast

import pytest
from keeper import House, once, soon, unguarded, withdrawn_need, withdrawn_pledge
from sqlalchemy import text
from sqlalchemy.orm import Session

from chassis.messaging.events import ServiceWorker, handlers_of, handles, handles_batch
from chassis.messaging.subscription import Handler, Subscription
from chassis.messaging.timers import Every, every
from chassis.testing.fixtures import RolledBack, database_fixtures
from contracts.event import name_of
from contracts.generate import example_of
from contracts.needs import NeedClosed, NeedWithdrawn, PledgeWithdrawn

engine, database = database_fixtures("pantry")
ROOT = Path(__file__).parents[2]
TYPED = ROOT / "chassis/tests/house/handlers_typed.py"


class Pantry(ServiceWorker):
    name = "pantry"

    @handles_batch(NeedWithdrawn, PledgeWithdrawn, batch=7)
    def on_withdrawn(self, session: Session, events: list[NeedWithdrawn | PledgeWithdrawn]) -> None: ...

    @handles(NeedClosed)
    def on_need_closed(self, session: Session, event: NeedClosed) -> None: ...


def test_each_event_of_a_method_has_its_own_queue_and_name() -> None:
    own = [handler for handler in handlers_of(Pantry) if not hasattr(ServiceWorker, handler.method)]
    assert [(one.subscription.queue, one.name, one.method, one.batch) for one in own] == [
        ("pantry.needs.need_closed.v1", "needs.need_closed", "on_need_closed", 1),
        ("pantry.needs.need_withdrawn.v1", "needs.need_withdrawn", "on_withdrawn", 7),
        ("pantry.needs.pledge_withdrawn.v1", "needs.pledge_withdrawn", "on_withdrawn", 7),
    ]


@pytest.mark.parametrize(("batch", "calls"), [(1, [["a"], ["b"]]), (2, [["a", "b"]])])
def test_method_gets_one_event_or_the_whole_batch(batch: int, calls: list[list[str]]) -> None:
    session, got = Session(), []

    def method(given: Session, events: Any) -> None:
        assert given is session
        got.append(events if batch > 1 else [events])

    Handler(Subscription("pantry", NeedClosed), "method", batch).list_handler(method)(session, cast("Any", ["a", "b"]))
    assert got == calls


@pytest.mark.parametrize("decorator", [handles, handles_batch])
@pytest.mark.parametrize("events", [(), (NeedClosed, NeedWithdrawn, NeedClosed)])
def test_handler_without_event_or_with_one_twice_is_refused(decorator: object, events: tuple[object, ...]) -> None:
    with pytest.raises(TypeError, match="event types, each of them once"):
        decorator(*events)  # type: ignore[operator]


class Twice(Pantry):
    name = "twice"

    @handles(NeedClosed, NeedWithdrawn)
    def on_closed_too(self, session: Session, event: NeedClosed | NeedWithdrawn) -> None: ...


class Instead(Pantry):
    name = "instead"

    @handles(NeedClosed)
    def on_need_closed(self, session: Session, event: NeedClosed) -> None: ...


def test_worker_with_two_methods_for_an_event_is_refused() -> None:
    queues = "twice.needs.need_closed.v1, twice.needs.need_withdrawn.v1"
    with pytest.raises(TypeError, match=re.escape(f"Twice has two methods for the events of {queues}")):
        handlers_of(Twice)
    assert len(handlers_of(Instead)) == len(handlers_of(Pantry))


@pytest.mark.timeout(300)
def test_mypy_refuses_methods_that_take_another_event() -> None:
    marked = {number for number, line in enumerate(TYPED.read_text().splitlines(), 1) if line.endswith("# refused")}
    command = [sys.executable, "-m", "mypy", "--hide-error-context", str(TYPED)]
    found = subprocess.run(command, cwd=ROOT, env={"MYPYPATH": "contracts:chassis"}, capture_output=True, text=True, check=False)
    refused = {int(number) for number in re.findall(rf"{TYPED.name}:(\d+): error: ", found.stdout)}
    assert refused == marked, found.stdout + found.stderr


@pytest.mark.parametrize("otherwise", [None, unguarded("without_further_events", "without further entrypoints, the second event stays")])
def test_method_of_two_events_gets_each_in_a_list_of_its_own(house: House, otherwise: str | None) -> None:
    events = [withdrawn_need(), withdrawn_pledge(), withdrawn_need(), withdrawn_pledge()]
    house.publish(*events)
    relay = house.relay().ready()
    assert soon(lambda: house.count("outbox") == 0)
    worker = house.worker(",".join(filter(None, [otherwise, "hears_both_withdrawals"]))).ready()
    assert soon(lambda: house.taken() == once(*events), seconds=10)
    with house.database.begin() as session:
        names = set(session.scalars(text("SELECT DISTINCT name FROM taken")))
        filed = set(session.scalars(text("SELECT DISTINCT handler FROM inbox")))
    assert names == {"NeedWithdrawn", "PledgeWithdrawn"}
    assert filed == {"needs.need_withdrawn", "needs.pledge_withdrawn"}
    assert relay.stop() == 0
    assert worker.stop() == 0


@pytest.mark.parametrize(("given", "at_start"), [({}, True), ({"at_start": True}, True), ({"at_start": False}, False)])
def test_timer_runs_at_once_unless_told_to_wait(given: dict[str, bool], at_start: bool) -> None:
    def method(worker: object, session: Session) -> None: ...

    assert every(7, **given)(method) is method
    [entrypoint] = vars(method)["nameko_entrypoints"]
    assert (entrypoint.seconds, entrypoint.at_start) == (7, at_start)
    assert Every(7).at_start


RECORDED = {
    "administrator_appointed": "SELECT count(*) FROM appointments WHERE role = 'administrator' AND ended_at IS NULL",
    "administrator_dismissed": "SELECT count(*) FROM appointments WHERE role = 'administrator' AND ended_at IS NOT NULL",
    "auditor_appointed": "SELECT count(*) FROM appointments WHERE role = 'auditor' AND ended_at IS NULL",
    "auditor_dismissed": "SELECT count(*) FROM appointments WHERE role = 'auditor' AND ended_at IS NOT NULL",
    "session_ended": "SELECT count(*) FROM ended_sessions",
    "region_listed": "SELECT count(*) FROM region_changes WHERE valid_from IS NOT NULL",
    "region_succeeded": "SELECT count(*) FROM region_changes WHERE valid_until IS NOT NULL",
}


def test_every_worker_records_offices_sessions_and_regions(database: RolledBack) -> None:
    own = {name_of(one.subscription.event): one for one in handlers_of(Pantry) if hasattr(ServiceWorker, one.method)}
    for name, statement in RECORDED.items():
        handler = own[name]
        with database.begin() as session:
            before = session.scalar(text(statement))
            getattr(Pantry(), handler.method)(session, [example_of(handler.subscription.event)])
            assert (before, session.scalar(text(statement))) == (0, 1), name
            session.execute(text("DELETE FROM appointments"))
            session.execute(text("DELETE FROM region_changes"))
