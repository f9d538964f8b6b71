"""Where a listener hears an event: the names of its queues."""

from dataclasses import dataclass

from contracts.event import Event, name_of, teller_of


@dataclass(frozen=True)
class Place:
    """Where one listener hears one event: its queue, and the one where a failed event waits for the next attempt."""

    listener: str
    event: type[Event]

    @property
    def queue(self) -> str:
        return f"{self.listener}.{teller_of(self.event)}.{name_of(self.event)}.v1"

    @property
    def retry(self) -> str:
        return f"{self.queue}.retry"
