"""Worker of the pantry: its handlers and timers."""

from sqlalchemy.orm import Session

from chassis.data.database import new_id
from chassis.messaging.events import ServiceWorker, every, handles, handles_batch
from contracts.needs import NeedClosed, NeedWithdrawn, PledgeWithdrawn
from pantry import actions
from pantry.model import Taken


class Worker(ServiceWorker):
    name = "pantry"

    @handles(NeedWithdrawn)
    def on_need_withdrawn(self, session: Session, event: NeedWithdrawn) -> None:
        actions.take(session, [event])

    @handles_batch(PledgeWithdrawn)
    def on_pledge_withdrawn(self, session: Session, events: list[PledgeWithdrawn]) -> None:
        actions.take(session, events)

    @handles(NeedClosed, at_once=3)
    def on_need_closed(self, session: Session, event: NeedClosed) -> None:
        actions.publish_because(session, event)

    @every(seconds=0.3)
    def tick(self, session: Session) -> None:
        session.add(Taken(name="tick", subject=new_id()))

    @every(seconds=36_000, at_start=False)
    def take_stock(self, session: Session) -> None:
        session.add(Taken(name="stock", subject=new_id()))

    @every(seconds=1)
    def stumble(self, session: Session) -> None:
        session.add(Taken(name="stumble", subject=new_id()))
        session.flush()
        raise actions.Spoilt(actions.PERSONAL)
