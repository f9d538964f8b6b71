"""Worker of bulletin: it counts published needs by county. The inbox of the chassis makes each event count once."""

from sqlalchemy import text
from sqlalchemy.orm import Session

from chassis.messaging.events import ServiceWorker, handles
from contracts.needs import NeedPublished

COUNT = text("INSERT INTO counties VALUES (:county, 1) ON CONFLICT (county) DO UPDATE SET published = counties.published + 1")


class Worker(ServiceWorker):
    name = "bulletin"

    @handles(NeedPublished)
    def on_need_published(self, session: Session, event: NeedPublished) -> None:
        session.execute(COUNT, {"county": event.region[:6]})
