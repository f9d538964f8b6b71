"""Events about thanks, appeals and disputes that wait for an administrator, and reminders to the county."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from chassis.data.database import Database
from chassis.testing.fixtures import Client, RolledBack, administrator_of, assert_retold
from contracts.matching import AppealLodged, DisputeOpened, DisputeRaised, DisputeReminded, ThanksWritten
from matching.disputes import actions, reminders
from matching.snapshots import SNAPSHOTS
from matching.worker import Worker

from .conftest import VILLAGE, told
from .test_appeals import WORDS, appeal
from .test_audit import offending
from .test_delivery import Promise
from .test_disputes import ANSWER, RULING, Disputed, _on
from .test_slips import with_slip


@pytest.fixture
def disputed(client: Client, database: RolledBack) -> Disputed:
    return Disputed(client, database)


@pytest.fixture
def raised(disputed: Disputed) -> Disputed:
    """A dispute that waits for the county since nobody answered it."""
    disputed.opens(disputed.household)
    assert disputed.waits_too_long() == 1
    return disputed


def days_pass(database: RolledBack, days: float) -> None:
    """As far as disputes know."""
    with database.begin() as session:
        past = "{0} = {0} - CAST(:days AS interval)"
        columns = ", ".join(past.format(name) for name in ("raised_at", "reminded_at"))
        session.execute(text(f"UPDATE disputes SET {columns}"), {"days": timedelta(days=days)})


def remind(database: RolledBack) -> list[bool]:
    """Return for each reminder to the county whether it is overdue."""
    before = len(told(database, DisputeReminded))
    with database.begin() as session:
        many = reminders.remind_county(session)
    events = told(database, DisputeReminded)[before:]
    assert len(events) == many
    return [event.overdue for event in events]


def test_raised_dispute_names_involved_people_and_deadline(disputed: Disputed, database: RolledBack) -> None:
    with_slip(disputed, disputed.town)
    disputed.opens(disputed.household)
    [opened] = told(database, DisputeOpened)
    assert opened.involved == sorted(person.id for person in (disputed.household, disputed.agent, disputed.giver, disputed.town))
    disputed.goes("answer", ANSWER, disputed.county)
    disputed.goes("raising", {}, disputed.giver)
    [event] = told(database, DisputeRaised)
    assert set(event.involved) == {*opened.involved, disputed.county.id}
    assert event.decide_by == event.raised_at + timedelta(days=14)
    seen = disputed.seen(disputed.household)
    assert (datetime.fromisoformat(seen["decide_by"]), seen["overdue"], seen["due_at"]) == (event.decide_by, False, None)


def test_county_is_reminded_weekly_from_before_the_deadline(raised: Disputed, database: RolledBack) -> None:
    assert remind(database) == []
    days_pass(database, 10.9)
    assert remind(database) == []
    days_pass(database, 0.2)
    assert remind(database) == [False]
    assert remind(database) == []
    days_pass(database, 3)
    assert remind(database) == [True]
    days_pass(database, 6.9)
    assert remind(database) == []
    days_pass(database, 0.2)
    assert remind(database) == [True]
    assert [event.version for event in told(database, DisputeReminded)] == [3, 4, 5]
    days_pass(database, 8)
    assert raised.goes("settlement", RULING, raised.county) == (201, "settled")
    assert remind(database) == []
    assert hasattr(Worker, "remind_county")


def test_long_overdue_dispute_is_reminded_once(raised: Disputed, database: RolledBack) -> None:
    days_pass(database, 100)
    assert remind(database) == [True]
    assert remind(database) == []


def test_dispute_not_before_the_county_gets_no_reminder(disputed: Disputed, database: RolledBack) -> None:
    disputed.opens(disputed.household)
    disputed.goes("answer", ANSWER, disputed.town)
    days_pass(database, 100)
    assert remind(database) == []
    assert not disputed.seen(disputed.giver)["overdue"]


def test_dispute_reminders_are_republished_unchanged(raised: Disputed, database: RolledBack) -> None:
    days_pass(database, 12)
    remind(database)
    assert DisputeReminded in {type(event) for event in assert_retold(database, SNAPSHOTS, restated={DisputeRaised})}
    assert offending(database) == {}
    with database.begin() as session:
        session.execute(text("DELETE FROM outbox WHERE name = 'dispute_reminded'"))
    assert list(offending(database)) == ["event_untold"]


def test_administrators_list_what_the_county_lets_wait_too_long(raised: Disputed, database: RolledBack) -> None:
    def listed() -> list[bool]:
        found = raised.client.get("/v1/disputes/managed", by=raised.county, overdue="true").json["items"]
        return [dispute["overdue"] for dispute in found]

    assert listed() == []
    days_pass(database, 14)
    assert listed() == [True]
    raised.goes("settlement", RULING, raised.county)
    assert listed() == []
    assert not raised.seen(raised.giver)["overdue"]


def test_event_of_waiting_thanks_lacks_their_text(client: Client, database: RolledBack) -> None:
    promise = Promise(client, database)
    promise.does("sending", {"carrier": "in_person"}, promise.giver)
    promise.does("receipt", {}, promise.household)
    client.post(f"{promise.path}/thanks", {"text": WORDS}, by=promise.agent)
    [event] = told(database, ThanksWritten)
    assert (event.version, event.author_id, event.region, event.quantity) == (1, promise.agent.id, VILLAGE, 50)
    assert_retold(database, SNAPSHOTS)
    assert not said(database, WORDS)


def test_event_of_waiting_appeal_names_the_involved_people(client: Client, database: RolledBack) -> None:
    promise = Promise(client, database)
    promise.does("sending", {"carrier": "in_person"}, promise.giver)
    county = administrator_of(database, VILLAGE[:6])
    with_slip(promise, county, quantity=10, reason="short")
    appeal(promise)
    [event] = told(database, AppealLodged)
    assert event.involved == sorted(person.id for person in (promise.giver, promise.agent, county))
    promise.does("closing", {}, administrator_of(database, VILLAGE[:9]))
    assert_retold(database, SNAPSHOTS)
    assert not said(database, WORDS)


def said(database: RolledBack, words: str) -> bool:
    with database.begin() as session:
        return words in str(session.execute(text("SELECT * FROM outbox")).all())


@pytest.fixture
def real(database_of: Callable[[str, str], str]) -> Iterator[Database]:
    database = Database(database_of("matching", "matching_waiting"), name="waiting", pool_size=20)
    yield database
    database.close()


def test_concurrent_reminders_and_settlements_never_deadlock(real: Database, client: Client) -> None:
    disputed = Disputed(_on(real, client), real)  # type: ignore[arg-type]
    disputed.opens(disputed.household)
    with real.begin() as session:
        session.execute(text("UPDATE disputes SET due_at = now()"))
        actions.apply_deadlines(session)
    with real.begin() as session:
        session.execute(text("UPDATE disputes SET raised_at = :at"), {"at": datetime.now(UTC) - timedelta(days=20)})

    def attempt(number: int) -> int:
        if number == 5:
            return int(disputed.client.post(f"{disputed.dispute}/settlement", RULING, by=disputed.county).status_code)
        with real.begin() as session:
            return reminders.remind_county(session)

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(attempt, range(16)))
    assert found.pop(5) == 201
    with real.begin() as session:
        published = session.scalar(text("SELECT count(*) FROM outbox WHERE name = 'dispute_reminded'"))
        settled = session.execute(text("SELECT state, version FROM disputes")).one()
    # Settled first, nobody is reminded of it; test_second_looks.py shows that two reminders never meet.
    assert sum(found) == published in {0, 1}
    assert settled == ("settled", 3 + sum(found))
