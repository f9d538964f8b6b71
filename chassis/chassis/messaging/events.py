"""Listening to events: the decorators of a worker's methods, and the base class of all workers."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar, overload

from nameko.extensions import ENTRYPOINT_EXTENSIONS_ATTR, Entrypoint, register_entrypoint
from sqlalchemy.orm import Session

from chassis.data import appointments, client_ids, ended_sessions, idempotency_keys, items, region_moves, regions, tickets
from chassis.data.region_moves import RegionMove
from chassis.messaging import dead_letters, inbox
from chassis.messaging.consumer import Handles, HandlesBatch
from chassis.messaging.subscription import Handler, Subscription
from chassis.messaging.timers import every
from contracts.event import Event
from contracts.needs import CatalogueChanged
from contracts.users import (
    AdministratorAppointed,
    AdministratorDismissed,
    AuditorAppointed,
    AuditorDismissed,
    RegionListed,
    RegionSucceeded,
    SessionEnded,
)

__all__ = ["Handler", "ServiceWorker", "entrypoints_of", "every", "handlers_of", "handles", "handles_batch"]


def handlers_of(worker: type) -> list[Handler]:
    """Return the handlers of a worker class, one for each event, ordered by queue.

    Raises `TypeError` when two methods handle the same event: each delivery would reach only one of them.
    """
    found = [
        Handler(Subscription(worker.name, entrypoint.event), method, entrypoint.batch)  # type: ignore[attr-defined]
        for method, entrypoint in entrypoints_of(worker)
        if isinstance(entrypoint, Handles)
    ]
    queues = Counter(handler.subscription.queue for handler in found)
    if twice := sorted(queue for queue, methods in queues.items() if methods > 1):
        raise TypeError(f"{worker.__name__} has two methods for the events of {', '.join(twice)}")
    return sorted(found, key=lambda handler: handler.subscription.queue)


def entrypoints_of(worker: type) -> list[tuple[str, Entrypoint]]:
    """Return the nameko entrypoints of a worker class as pairs of method name and entrypoint."""
    return [
        (name, entrypoint) for name in sorted(dir(worker)) for entrypoint in getattr(getattr(worker, name), ENTRYPOINT_EXTENSIONS_ATTR, ())
    ]


E = TypeVar("E", bound=Event)
A = TypeVar("A", bound=Event)
B = TypeVar("B", bound=Event)
C = TypeVar("C", bound=Event)
D = TypeVar("D", bound=Event)
W = TypeVar("W")
R = TypeVar("R")
Given = TypeVar("Given")


class HandlerDecorator(Protocol[Given]):
    """A decorator of methods `(self, session, given)`, which returns the method itself."""

    def __call__(self, method: Callable[[W, Session, Given], R], /) -> Callable[[W, Session, Given], R]: ...


@overload
def handles(a: type[A], /, *, at_once: int = 10) -> HandlerDecorator[A]: ...
@overload
def handles(a: type[A], b: type[B], /, *, at_once: int = 10) -> HandlerDecorator[A | B]: ...
@overload
def handles(a: type[A], b: type[B], c: type[C], /, *, at_once: int = 10) -> HandlerDecorator[A | B | C]: ...
@overload
def handles(a: type[A], b: type[B], c: type[C], d: type[D], /, *, at_once: int = 10) -> HandlerDecorator[A | B | C | D]: ...
@overload
def handles(a: type[E], b: type[E], c: type[E], d: type[E], e: type[E], /, *more: type[E], at_once: int = 10) -> HandlerDecorator[E]: ...
def handles(*events: type[Event], at_once: int = 10) -> HandlerDecorator[Any]:
    """Call the method with a session and each event of these types: `@handles(NeedPublished)`, `@handles(NeedClosed, NeedWithdrawn)`.

    Each call has a transaction of its own, and the event is acknowledged after its commit. Each type has a queue of its own,
    of which at most `at_once` events are handled at a time. A failing event comes back after `RETRY_PAUSE_MS`; after
    `ATTEMPTS` failures it becomes a dead letter. While the database is unavailable, events wait and no attempt is counted.

    mypy refuses a method for another type. With more than four types the method takes their common base, `Event`.
    Raises `TypeError` without a type, or when a type is given twice.
    """
    return _registering([Handles(event, at_once=at_once) for event in _distinct(events)])


@overload
def handles_batch(a: type[A], /, *, batch: int = 500) -> HandlerDecorator[list[A]]: ...
@overload
def handles_batch(a: type[A], b: type[B], /, *, batch: int = 500) -> HandlerDecorator[list[A | B]]: ...
@overload
def handles_batch(a: type[A], b: type[B], c: type[C], /, *, batch: int = 500) -> HandlerDecorator[list[A | B | C]]: ...
@overload
def handles_batch(a: type[A], b: type[B], c: type[C], d: type[D], /, *, batch: int = 500) -> HandlerDecorator[list[A | B | C | D]]: ...
@overload
def handles_batch(
    a: type[E], b: type[E], c: type[E], d: type[E], e: type[E], /, *more: type[E], batch: int = 500
) -> HandlerDecorator[list[E]]: ...
def handles_batch(*events: type[Event], batch: int = 500) -> HandlerDecorator[Any]:
    """Call the method with a session and a list of events: `@handles_batch(NeedPublished)`, `@handles_batch(MatchSent, MatchReceived)`.

    As `@handles`, with up to `batch` events in one transaction. Each type has a queue of its own, and a list holds events of one
    queue, so all of them have one type. A batch that fails is retried one by one, so that only bad events become dead letters.

    Raises `TypeError` without a type, or when a type is given twice.
    """
    return _registering([HandlesBatch(event, batch=batch) for event in _distinct(events)])


M = TypeVar("M", bound=Callable[..., Any])


def _distinct(events: Sequence[type[Event]]) -> Sequence[type[Event]]:
    if not events or len(set(events)) < len(events):
        raise TypeError(f"a handler needs event types, each of them once, not ({', '.join(event.__name__ for event in events)})")
    return events


def _registering(entrypoints: Sequence[Entrypoint]) -> Callable[[M], M]:
    def register(method: M) -> M:
        for entrypoint in entrypoints:
            register_entrypoint(method, entrypoint)
        return method

    return register


class ServiceWorker:
    """Base of all workers: it records administrators, auditors, ended sessions of staff, changed regions and the words of items.

    It moves rows to the successors of their regions, and deletes expired rows of the chassis.
    """

    name: str
    refuses_retelling: str = ""
    """The reason why this service refuses `retell`: its handlers do more than fill tables. Empty when it accepts it."""
    region_moves: tuple[RegionMove, ...] = ()
    """How rows of this service follow a region to its successor, in the order in which acts lock them."""

    @handles_batch(AdministratorAppointed)
    def on_administrator_appointed(self, session: Session, events: list[AdministratorAppointed]) -> None:
        """Record that somebody administers a region."""
        appointments.record(session, events)

    @handles_batch(AdministratorDismissed)
    def on_administrator_dismissed(self, session: Session, events: list[AdministratorDismissed]) -> None:
        """Record that somebody no longer administers a region."""
        appointments.record(session, events)

    @handles_batch(AuditorAppointed)
    def on_auditor_appointed(self, session: Session, events: list[AuditorAppointed]) -> None:
        """Record that somebody audits a region."""
        appointments.record(session, events)

    @handles_batch(AuditorDismissed)
    def on_auditor_dismissed(self, session: Session, events: list[AuditorDismissed]) -> None:
        """Record that somebody no longer audits a region."""
        appointments.record(session, events)

    @handles_batch(SessionEnded)
    def on_session_ended(self, session: Session, events: list[SessionEnded]) -> None:
        """Record that a session of staff ended."""
        ended_sessions.record(session, events)

    @handles_batch(RegionListed)
    def on_region_listed(self, session: Session, events: list[RegionListed]) -> None:
        """Record that division codes count, or have another name."""
        regions.record(session, events)

    @handles_batch(RegionSucceeded)
    def on_region_succeeded(self, session: Session, events: list[RegionSucceeded]) -> None:
        """Record that division codes ended; `move_regions` moves the rows."""
        regions.record(session, events)

    @handles_batch(CatalogueChanged)
    def on_catalogue_changed(self, session: Session, events: list[CatalogueChanged]) -> None:
        """Record the words of items and groups of the catalogue."""
        items.record(session, events)

    @every(seconds=5)
    def move_regions(self, session: Session) -> None:
        """Move rows to the successors of their regions, a limited number at a time."""
        region_moves.move_due(session, self.region_moves)

    @every(seconds=3600)
    def forget(self, session: Session) -> None:
        """Delete expired rows of the inbox, of idempotency keys, clients' ids, ended sessions, tickets and dead letters, once an hour."""
        inbox.delete_expired(session)
        idempotency_keys.delete_expired(session)
        client_ids.delete_expired(session)
        ended_sessions.delete_expired(session)
        tickets.delete_expired(session)
        dead_letters.delete_expired(session)
