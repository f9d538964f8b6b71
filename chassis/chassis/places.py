"""Where a listener hears an event: the names of its queues."""

from dataclasses import dataclass

from contracts.event import Event, name_of, teller_of


@dataclass(frozen=True)
class Place:
    """Where one listener hears one event: its queue, the queue where a failed event waits, the one where it is parked."""

    listener: str
    event: type[Event]

    @property
    def queue(self) -> str:
        return f"{self.listener}.{teller_of(self.event)}.{name_of(self.event)}.v1"

    @property
    def retry(self) -> str:
        return f"{self.queue}.retry"

    @property
    def dead(self) -> str:
        return f"{self.queue}.dead"
