"""Subscriptions of listeners to events, the names of their queues, and the handlers that serve them."""

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
        """The queue: `<listener>.<producer>.<event>.v1`."""
        return f"{self.listener}.{producer_of(self.event)}.{name_of(self.event)}.v1"

    @property
    def retry(self) -> str:
        """The queue in which failed events wait for their next attempt."""
        return f"{self.queue}.retry"


@dataclass(frozen=True)
class Handler:
    """One event that a method of a worker handles. `batch` is the most events in one call; 1 means one event a call."""

    subscription: Subscription
    method: str
    batch: int

    @property
    def name(self) -> str:
        """The key in the inbox: `<producer>.<event>`, whatever the method's name is."""
        return f"{producer_of(self.subscription.event)}.{name_of(self.subscription.event)}"

    def list_handler(self, call: Callable[..., object]) -> Callable[[Session, list[Event]], object]:
        """Wrap the method as a function of a session and a list of events, as the inbox calls it."""
        if self.batch > 1:
            return call
        return lambda session, events: [call(session, event) for event in events]
