"""The worker of notify, which listens to every event that has a notice, and to requests for codes."""

from sqlalchemy.orm import Session

from chassis.messaging.events import ServiceWorker, every, handles_batch
from contracts.event import Event
from contracts.notices import by_event
from contracts.users import CodeRequested
from notify import actions
from notify.codes import actions as codes


class Worker(ServiceWorker):
    name = "notify"
    refuses_retelling = "people would be told of what is long past"

    @handles_batch(*by_event())
    def on_events(self, session: Session, events: list[Event]) -> None:
        actions.write_notices(session, events)

    @handles_batch(CodeRequested)
    def on_code_requested(self, session: Session, events: list[CodeRequested]) -> None:
        codes.record_requests(session, events)

    @every(seconds=3600, at_start=False)
    def delete_old_codes(self, session: Session) -> None:
        codes.delete_old(session)
