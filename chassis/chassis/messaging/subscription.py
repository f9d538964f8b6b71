"""Subscriptions of listeners to events, and the names of their queues."""

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy.orm import Session

from contracts.event import Event, name_of, producer_of


@dataclass(frozen=True)
class Subscription:
    """One listener's subscription to one event: its queue and its retry queue."""

    listener: str
    event: type[Event]

    @property
    def queue(self) -> str:
        return f"{self.listener}.{producer_of(self.event)}.{name_of(self.event)}.v1"

    @property
    def retry(self) -> str:
        return f"{self.queue}.retry"


@dataclass(frozen=True)
class Handler:
    """One method of a worker and the event it hears. `batch` is the most it takes at once; 1 means one event a call."""

    subscription: Subscription
    method: str
    batch: int

    @property
    def name(self) -> str:
        """What the inbox files it under; independent of the method's name."""
        return f"{producer_of(self.subscription.event)}.{name_of(self.subscription.event)}"

    def list_handler(self, call: Callable[..., object]) -> Callable[[Session, list[Event]], object]:
        """The method as the inbox wants it: a batch handler takes the list, another each event by itself."""
        if self.batch > 1:
            return call
        return lambda session, events: [call(session, event) for event in events]
