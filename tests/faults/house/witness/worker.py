"""The witness: a listener in batches and one by one."""

from collections.abc import Sequence

from sqlalchemy import text
from sqlalchemy.orm import Session

from chassis.messaging.events import ServiceWorker, handles, handles_batch
from contracts.event import Event, name_of
from contracts.matching import MatchProposed
from contracts.needs import NeedPublished, NeedWithdrawn, PledgeChanged, PledgeOffered

_SEE = text("INSERT INTO seen (name, subject, version) VALUES (:name, :subject, :version)")


class Worker(ServiceWorker):
    name = "witness"

    @handles_batch(NeedPublished)
    def on_need_published(self, session: Session, events: list[NeedPublished]) -> None:
        see(session, events)

    @handles_batch(MatchProposed)
    def on_match_proposed(self, session: Session, events: list[MatchProposed]) -> None:
        see(session, events)

    @handles(PledgeOffered)
    def on_pledge_offered(self, session: Session, event: PledgeOffered) -> None:
        see(session, [event])

    @handles(PledgeChanged)
    def on_pledge_changed(self, session: Session, event: PledgeChanged) -> None:
        see(session, [event])

    @handles(NeedWithdrawn)
    def on_need_withdrawn(self, session: Session, event: NeedWithdrawn) -> None:
        see(session, [event])


def see(session: Session, events: Sequence[Event]) -> None:
    session.execute(_SEE, [{"name": name_of(type(event)), "subject": event.subject, "version": event.version} for event in events])
