"""The broker of the laptop house keeps the same promises as the broker: nothing lost, nothing twice, a bad event parked alone."""

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import pytest
from msgspec.structs import replace
from sqlalchemy import text
from sqlalchemy.orm import Session

from chassis.data.database import Database, new_id, now
from chassis.messaging import dead_letters, inbox, outbox
from chassis.messaging.events import Handler
from chassis.messaging.subscription import Subscription
from chassis.settings import Settings
from contracts.event import Envelope, Event
from contracts.generate import example_of
from contracts.needs import NeedRejected
from deploy.local.local_broker import Listener, LocalBroker


@dataclasses.dataclass
class Route:
    """The databases of a producer and a listener, and the event that the listener cannot handle."""

    settings: Settings
    producer: Database
    listener: Database
    poison: set[UUID] = dataclasses.field(default_factory=set)

    def broker(self, kind: type[LocalBroker] = LocalBroker, batch: int = 500) -> LocalBroker:
        handler = Handler(Subscription("notify", NeedRejected), "on_need_rejected", batch)
        return kind(
            self.settings,
            self.producer,
            [Listener(self.listener, handler, handler.list_handler(self.take if batch > 1 else self.take_one))],
        )

    def take_one(self, session: Session, event: Event) -> None:
        self.take(session, [event])

    def take(self, session: Session, events: list[Event]) -> None:
        session.execute(text("INSERT INTO taken VALUES (:id)"), [{"id": event.subject} for event in events])
        if self.poison & {event.subject for event in events}:
            raise ValueError("poison")

    def publish(self, count: int) -> list[UUID]:
        events = [replace(example_of(NeedRejected), need_id=new_id()) for _ in range(count)]
        with self.producer.begin() as session:
            outbox.add(session, *events)
        return [event.subject for event in events]

    def taken(self) -> list[UUID]:
        with self.listener.begin() as session:
            return list(session.scalars(text("SELECT id FROM taken")))

    def ask(self, query: str) -> Any:
        with self.producer.begin() as session:
            return session.scalar(text(query))

    def settle(self, broker: LocalBroker) -> None:
        """Deliver until nothing is left, waiting out the pauses."""
        while broker.deliver() or self.ask("SELECT count(*) FROM deliveries"):
            pass


@pytest.fixture
def route(database_of: Callable[[str, str], str]) -> Iterator[Route]:
    urls = {name: database_of(name, f"{name}_local_broker") for name in ("needs", "notify")}
    producer, listener = (Database(url, name="broker-test") for url in urls.values())
    with listener.begin() as session:
        session.execute(text("CREATE TABLE taken (id uuid)"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NEEDS_DATABASE_URL", urls["needs"])
        settings = dataclasses.replace(Settings.of("needs"), retry_pause_ms=50, attempts=3)
    yield Route(settings, producer, listener)
    producer.close()
    listener.close()


class DiesBeforeCrossingOff(LocalBroker):
    """A broker that dies between the listener's commit and the deletion of the delivery."""

    def _handle(self, *arguments: Any) -> Any:
        super()._handle(*arguments)
        raise KeyboardInterrupt


def without_inbox(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbox, "record_new", lambda session, handler, heard: [one.event for one in heard])


@pytest.mark.parametrize("batch", [1, 500])
def test_published_event_is_handled_once_and_journalled(route: Route, batch: int) -> None:
    published = route.publish(30)
    route.settle(route.broker(batch=batch))
    assert sorted(route.taken()) == sorted(published)
    assert (route.ask("SELECT count(*) FROM outbox"), route.ask("SELECT count(*) FROM deliveries")) == (0, 0)
    assert route.ask("SELECT count(*) FROM journal") == 30


def carried_by_one_that_dies(route: Route) -> tuple[list[UUID], list[UUID]]:
    published = route.publish(10)
    with pytest.raises(KeyboardInterrupt):
        route.broker(DiesBeforeCrossingOff).deliver()
    assert len(route.taken()) == 10
    route.settle(route.broker())
    return sorted(published), sorted(route.taken())


def test_broker_killed_before_deletion_repeats_nothing(route: Route) -> None:
    published, taken = carried_by_one_that_dies(route)
    assert taken == published


@pytest.mark.xfail(strict=True, raises=AssertionError, reason="without the inbox, what is handed over again is done again")
def test_without_the_inbox_it_would_do_everything_twice(route: Route, monkeypatch: pytest.MonkeyPatch) -> None:
    without_inbox(monkeypatch)
    published, taken = carried_by_one_that_dies(route)
    assert taken == published


@pytest.mark.parametrize("batch", [1, 500])
def test_poisonous_event_is_parked_after_three_attempts(route: Route, batch: int) -> None:
    published = route.publish(9)
    route.poison = {published[4]}
    route.settle(route.broker(batch=batch))
    assert sorted(route.taken()) == sorted(set(published) - route.poison)
    with route.listener.begin() as session:
        [letter] = session.scalars(dead_letters.select_letters()).all()
    assert (letter.reason, letter.attempts, letter.name) == ("ValueError", 3, "need_rejected")


def test_unreadable_event_is_parked_and_others_are_handled(route: Route) -> None:
    published = route.publish(3)
    with route.producer.begin() as session:
        session.execute(text("UPDATE outbox SET body = '{\"version\": 1}' WHERE subject = :id"), {"id": published[1]})
    route.settle(route.broker())
    assert sorted(route.taken()) == sorted({*published} - {published[1]})
    with route.listener.begin() as session:
        [letter] = session.scalars(dead_letters.select_letters()).all()
    assert (letter.reason, letter.name) == ("unreadable", "need_rejected")


def test_a_dead_letter_that_is_replayed_is_handled(route: Route) -> None:
    published = route.publish(3)
    route.poison = {published[1]}
    route.settle(route.broker())
    route.poison = set()
    with route.listener.begin() as session:
        [letter] = session.scalars(dead_letters.select_letters()).all()
        dead_letters.replay(session, letter.id)
    listeners_own = dataclasses.replace(route, producer=route.listener)
    route.settle(listeners_own.broker())
    assert sorted(route.taken()) == sorted(published)
    assert listeners_own.ask("SELECT count(*) FROM outbox") == listeners_own.ask("SELECT count(*) FROM journal") == 0


def test_event_for_an_unread_queue_stays_pending(route: Route) -> None:
    envelope = Envelope(id=new_id(), name="need_rejected", producer="needs", subject=new_id(), recorded_at=now())
    with route.producer.begin() as session:
        outbox.add_for_queue(session, "stranger.needs.need_rejected.v1", envelope, 1, "{}")
    published = route.publish(3)
    route.settle(route.broker())
    assert sorted(route.taken()) == sorted(published)
    assert route.ask("SELECT queue FROM outbox") == "stranger.needs.need_rejected.v1"


def test_delivery_waits_for_the_database_without_an_attempt(route: Route) -> None:
    published = route.publish(3)
    away = Database("postgresql+psycopg://nobody@127.0.0.1:9/none", name="away")
    broker = dataclasses.replace(route, listener=away).broker()
    broker.stopping.set()
    broker.deliver()
    assert route.ask("SELECT sum(attempts) FROM deliveries") == 0
    away.close()
    route.settle(route.broker())
    assert sorted(route.taken()) == sorted(published)
