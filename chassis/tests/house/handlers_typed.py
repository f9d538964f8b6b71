"""Handlers for mypy to judge: it must refuse each decorator marked `# refused`, and no other line."""

from collections.abc import Sequence

from sqlalchemy.orm import Session

from chassis.messaging.events import ServiceWorker, every, handles, handles_batch
from contracts.event import Event
from contracts.matching import MatchReceived, MatchSent
from contracts.needs import NeedClosed, NeedPublished, NeedRejected, NeedWithdrawn, PledgeWithdrawn


class Accepted(ServiceWorker):
    name = "accepted"

    @handles(NeedClosed)
    def on_need_closed(self, session: Session, event: NeedClosed) -> None: ...

    @handles(NeedWithdrawn, PledgeWithdrawn, at_once=3)
    def on_withdrawn(self, session: Session, event: NeedWithdrawn | PledgeWithdrawn) -> None: ...

    @handles(NeedRejected)
    def on_anything(self, session: Session, event: Event) -> None: ...

    @handles_batch(NeedPublished, batch=100)
    def on_need_published(self, session: Session, events: list[NeedPublished]) -> None: ...

    @handles_batch(MatchSent, MatchReceived)
    def on_match_moved(self, session: Session, events: list[MatchSent | MatchReceived]) -> None: ...

    @handles_batch(NeedClosed, NeedPublished, NeedRejected, NeedWithdrawn, PledgeWithdrawn, MatchSent)
    def on_many(self, session: Session, events: list[Event]) -> None: ...

    @handles_batch(NeedClosed, NeedPublished)
    def on_some(self, session: Session, events: Sequence[Event]) -> None: ...

    @every(seconds=1)
    def tick(self, session: Session) -> None: ...


def call(worker: Accepted, session: Session, closed: NeedClosed, published: list[NeedPublished]) -> None:
    worker.on_need_closed(session, closed)
    worker.on_need_published(session, published)
    worker.on_need_closed(session, published)  # refused


class Refused(ServiceWorker):
    name = "refused"

    @handles(NeedClosed)  # refused
    def on_need_closed(self, session: Session, event: NeedWithdrawn) -> None: ...

    @handles(NeedClosed)  # refused
    def on_need_closed_in_a_list(self, session: Session, events: list[NeedClosed]) -> None: ...

    @handles(NeedWithdrawn, PledgeWithdrawn)  # refused
    def on_withdrawn(self, session: Session, event: NeedWithdrawn) -> None: ...

    @handles_batch(NeedPublished)  # refused
    def on_need_published(self, session: Session, events: list[NeedWithdrawn]) -> None: ...

    @handles_batch(NeedPublished)  # refused
    def on_need_published_alone(self, session: Session, event: NeedPublished) -> None: ...

    @handles_batch(NeedClosed, NeedPublished, NeedRejected, NeedWithdrawn, PledgeWithdrawn, MatchSent)  # refused
    def on_many(self, session: Session, events: list[NeedClosed]) -> None: ...

    @handles(NeedClosed)  # refused
    def on_need_closed_without_session(self, event: NeedClosed) -> None: ...

    @handles(str)  # refused
    def on_text(self, session: Session, event: str) -> None: ...

    @every(seconds=1)  # refused
    def tick(self) -> None: ...
