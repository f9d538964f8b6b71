"""Subscriptions of listeners to events, and the names of their queues."""

from dataclasses import dataclass

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
