"""Replay of journalled events to one listener: complete, paced, harmless to a listener that is up to date."""

import threading
import time
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from uuid import UUID

import pytest
from keeper import IN_BATCHES, ONE_BY_ONE, House, once, soon, unguarded, withdrawn_need, withdrawn_pledge
from sqlalchemy import text

from chassis import replay
from chassis.data.database import now
from chassis.messaging import inbox, journal, outbox, resend
from chassis.messaging.broker import Publisher, connected, count_waiting
from chassis.messaging.resend import ResendRefused, resend_all, subscriptions_of
from chassis.relay import Relay
from contracts.event import Event
from contracts.needs import NeedWithdrawn, PledgeWithdrawn


@pytest.fixture(autouse=True)
def _listed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resend, "listeners", lambda: {"need_withdrawn": ["pantry"], "pledge_withdrawn": ["pantry"]})


def publish_all(house: House, *events: Event) -> None:
    """Publish events to every listener and move them to the journal."""
    house.publish(*events)
    with connected(house.broker_url, 20) as connection:
        publisher = Publisher(connection, 10)
        while Relay(house.settings()).publish_batch(publisher):
            pass


def replayed(
    house: House, *names: str, after: str = "", since: datetime | None = None, until: datetime | None = None
) -> list[tuple[int, str]]:
    sources = replay.sources(subscriptions_of("needs", "pantry", names), since, until)
    return list(resend_all(house.database, house.settings(), sources, after))


def test_a_listener_that_lost_its_tables_hears_the_journal_again(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resend, "PAGE", 7)
    events = [withdrawn_need() for _ in range(20)] + [withdrawn_pledge() for _ in range(30)]
    publish_all(house, *events)
    worker = house.worker().ready()
    assert soon(lambda: house.taken() == once(*events))
    with house.database.begin() as session:
        session.execute(text("TRUNCATE inbox, taken"))
    assert sum(count for count, _ in replayed(house)) == 50
    assert soon(lambda: house.taken() == once(*events))
    assert worker.stop() == 0


@pytest.mark.parametrize("otherwise", [None, unguarded("without_inbox", "without the inbox a replay is handled twice")])
def test_a_replay_changes_nothing_for_an_up_to_date_listener(house: House, otherwise: str | None) -> None:
    events = [withdrawn_need(), withdrawn_pledge()]
    publish_all(house, *events)
    house.worker(otherwise).ready()
    assert soon(lambda: house.taken().keys() == once(*events).keys())
    assert replayed(house)
    assert soon(lambda: house.all_settled(NeedWithdrawn, PledgeWithdrawn))
    assert house.taken() == once(*events)


def test_a_replay_reaches_one_listener_only(house: House) -> None:
    publish_all(house, withdrawn_need())
    everything = house.tap()
    assert replayed(house)
    assert house.waiting(everything) == 0
    assert house.waiting(ONE_BY_ONE.queue) == 2


def test_an_interrupted_replay_continues_where_it_stopped(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resend, "PAGE", 10)
    events = [withdrawn_need() for _ in range(25)] + [withdrawn_pledge() for _ in range(25)]
    publish_all(house, *events)
    house.read(ONE_BY_ONE.queue), house.read(IN_BATCHES.queue)
    whole = replayed(house)
    assert [count for count, _ in whole] == [10, 10, 5, 10, 10, 5]
    first = house.read(ONE_BY_ONE.queue) + house.read(IN_BATCHES.queue)
    for reached, (_, position) in enumerate(whole):
        assert replayed(house, after=position) == whole[reached + 1 :]
    assert {UUID(message.headers["ce-subject"]) for message in first} == {event.subject for event in events}
    assert len(first) == 50
    for nowhere in ("need_withdrawn/yesterday/7", "need_closed/x", "x"):
        with pytest.raises(ResendRefused):
            replayed(house, after=nowhere)


def test_a_replay_selects_events_by_name_and_time(house: House) -> None:
    publish_all(house, *(withdrawn_need() for _ in range(3)), withdrawn_pledge())
    middle = now()
    publish_all(house, *(withdrawn_need() for _ in range(4)))
    count = lambda *names, **times: sum(count for count, _ in replayed(house, *names, **times))  # noqa: E731
    assert count("need_withdrawn") == 7
    assert count("pledge_withdrawn") == 1
    assert count(since=middle) == 4
    assert count("need_withdrawn", until=middle) == 3


def test_a_replay_pauses_while_the_queue_is_long(house: House) -> None:
    publish_all(house, *(withdrawn_need() for _ in range(10)))
    process = house.start(
        "chassis.replay", "needs", "--to", "pantry", "--event", "need_withdrawn", "--most-waiting", "5",
        otherwise="with_pantry_listed", needs_database_url=house.database_url,
    )  # fmt: skip
    time.sleep(3)
    assert process.lives()
    assert house.waiting(ONE_BY_ONE.queue) == 10
    house.worker()
    assert process.ended() == 0
    assert process.says('{"told": 10, "position": "need_withdrawn/')


@pytest.mark.parametrize(
    "remembered", [inbox.RETENTION, unguarded(timedelta(days=900), "without the age limit a forgotten event is handled again")]
)
def test_events_older_than_the_inbox_are_not_replayed(house: House, monkeypatch: pytest.MonkeyPatch, remembered: timedelta) -> None:
    monkeypatch.setattr(inbox, "RETENTION", remembered)
    publish_all(house, *(withdrawn_need() for _ in range(3)))
    with house.database.begin() as session:
        journal.maintain_partitions(session, days_kept=200, at=datetime.now(UTC) - timedelta(days=100))
        session.execute(text("UPDATE journal SET told_at = told_at - interval '100 days' WHERE id IN (SELECT id FROM journal LIMIT 2)"))
    assert sum(count for count, _ in replayed(house)) == 1
    with pytest.raises(ResendRefused, match="inboxes remember 90 days"):
        replayed(house, since=now() - timedelta(days=100))


def test_a_replay_to_a_service_that_does_not_listen_is_refused(house: House) -> None:
    with pytest.raises(
        ResendRefused, match="pantry does not listen to need_closed of needs; it listens to need_withdrawn, pledge_withdrawn"
    ):
        subscriptions_of("needs", "pantry", ["need_closed"])
    with pytest.raises(ResendRefused, match="pantry does not listen to need_closed, need_posted of needs"):
        subscriptions_of("needs", "pantry", ["need_posted", "need_withdrawn", "need_closed"])
    with pytest.raises(ResendRefused, match="stranger listens to nothing that needs tells"):
        subscriptions_of("needs", "stranger")


def test_a_replay_without_declared_queues_says_so(house: House) -> None:
    publish_all(house, withdrawn_need())
    with house.channel() as channel:
        channel.queue_delete(ONE_BY_ONE.queue)
    with pytest.raises(ResendRefused, match=r"python -m chassis\.topology pantry"):
        replayed(house)
    with connected(house.broker_url, 20) as connection:
        assert count_waiting(connection, ONE_BY_ONE.queue) is None


@pytest.mark.parametrize("waits", [True, unguarded(False, "without waiting an event in flight is neither delivered nor replayed")])
def test_a_replay_waits_for_events_not_yet_in_the_journal(house: House, monkeypatch: pytest.MonkeyPatch, waits: bool) -> None:
    """A relay published before the listener's queue existed, and journals only now."""
    house.publish(withdrawn_need())
    published, waited_for = threading.Event(), threading.Event()

    def sleep(seconds: float) -> None:
        waited_for.set()
        time.sleep(seconds)

    monkeypatch.setattr(journal, "time", SimpleNamespace(monotonic=time.monotonic, sleep=sleep))

    def tell() -> None:
        with house.database.begin() as session:
            rows = outbox.lock_batch(session, 10)
            published.set()
            waited_for.wait(60)
            journal.maintain_partitions(session, 90)
            journal.move_from_outbox(session, rows)

    relay = threading.Thread(target=tell)
    relay.start()
    published.wait()
    if waits:
        journal.wait_for_relays(house.database)
    counted = replayed(house)
    waited_for.set()
    relay.join()
    assert sum(count for count, _ in counted) == 1


def test_the_age_of_the_oldest_pending_event_is_measured(house: House) -> None:
    def age() -> float:
        with house.database.begin() as session:
            return outbox.age_seconds(session)

    assert age() == 0
    house.publish(withdrawn_need())
    time.sleep(0.3)
    house.publish(withdrawn_need())
    assert 0.3 <= age() < 60
