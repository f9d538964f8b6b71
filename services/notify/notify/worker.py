"""The worker of notify, which listens to every event that has a notice."""

from sqlalchemy.orm import Session

from chassis.messaging.events import ServiceWorker, handles_batch
from contracts.event import Event
from contracts.notices import by_event
from notify import actions


class Worker(ServiceWorker):
    name = "notify"
    refuses_retelling = "people would be told of what is long past"

    @handles_batch(*by_event())
    def on_events(self, session: Session, events: list[Event]) -> None:
        actions.write_notices(session, events)
