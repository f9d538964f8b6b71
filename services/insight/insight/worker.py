"""What insight listens to: how needs stand."""

from sqlalchemy.orm import Session

from chassis.events import ServiceWorker, handles_batch
from contracts.needs import NeedClosed, NeedPublished, NeedWithdrawn
from insight import actions


class Worker(ServiceWorker):
    name = "insight"

    @handles_batch(NeedPublished)
    def on_need_published(self, session: Session, events: list[NeedPublished]) -> None:
        actions.note_needs(session, events)

    @handles_batch(NeedWithdrawn)
    def on_need_withdrawn(self, session: Session, events: list[NeedWithdrawn]) -> None:
        actions.note_needs(session, events)

    @handles_batch(NeedClosed)
    def on_need_closed(self, session: Session, events: list[NeedClosed]) -> None:
        actions.note_needs(session, events)
