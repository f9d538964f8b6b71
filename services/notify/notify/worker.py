"""What notify listens to: every step that somebody wants to hear of."""

from sqlalchemy.orm import Session

from chassis.messaging.events import ServiceWorker, handles_batch
from contracts.matching import (
    AppealDecided,
    AppealLodged,
    DisputeAnswered,
    DisputeOpened,
    DisputeRaised,
    DisputeReminded,
    DisputeSettled,
    MatchAccepted,
    MatchClosed,
    MatchDeclined,
    MatchLapsed,
    MatchNeedEnded,
    MatchProposed,
    MatchReceived,
    MatchRefused,
    MatchReminded,
    MatchRevised,
    MatchSent,
    PledgeReleased,
    ThanksGiven,
    ThanksRefused,
    ThanksWritten,
)
from contracts.needs import NeedClosed, NeedPublished, NeedRejected, NeedWithdrawn
from notify import actions


class Worker(ServiceWorker):
    name = "notify"
    refuses_retelling = "people would be told of what is long past"

    @handles_batch(NeedPublished)
    def on_need_published(self, session: Session, events: list[NeedPublished]) -> None:
        actions.tell(session, events)

    @handles_batch(NeedRejected)
    def on_need_rejected(self, session: Session, events: list[NeedRejected]) -> None:
        actions.tell(session, events)

    @handles_batch(NeedWithdrawn)
    def on_need_withdrawn(self, session: Session, events: list[NeedWithdrawn]) -> None:
        actions.tell(session, events)

    @handles_batch(NeedClosed)
    def on_need_closed(self, session: Session, events: list[NeedClosed]) -> None:
        actions.tell(session, events)

    @handles_batch(MatchProposed)
    def on_match_proposed(self, session: Session, events: list[MatchProposed]) -> None:
        actions.tell(session, events)

    @handles_batch(MatchReminded)
    def on_match_reminded(self, session: Session, events: list[MatchReminded]) -> None:
        actions.tell(session, events)

    @handles_batch(MatchAccepted)
    def on_match_accepted(self, session: Session, events: list[MatchAccepted]) -> None:
        actions.tell(session, events)

    @handles_batch(MatchRefused)
    def on_match_refused(self, session: Session, events: list[MatchRefused]) -> None:
        actions.tell(session, events)

    @handles_batch(MatchDeclined)
    def on_match_declined(self, session: Session, events: list[MatchDeclined]) -> None:
        actions.tell(session, events)

    @handles_batch(MatchRevised)
    def on_match_revised(self, session: Session, events: list[MatchRevised]) -> None:
        actions.tell(session, events)

    @handles_batch(MatchLapsed)
    def on_match_lapsed(self, session: Session, events: list[MatchLapsed]) -> None:
        actions.tell(session, events)

    @handles_batch(MatchNeedEnded)
    def on_match_need_ended(self, session: Session, events: list[MatchNeedEnded]) -> None:
        actions.tell(session, events)

    @handles_batch(MatchSent)
    def on_match_sent(self, session: Session, events: list[MatchSent]) -> None:
        actions.tell(session, events)

    @handles_batch(MatchReceived)
    def on_match_received(self, session: Session, events: list[MatchReceived]) -> None:
        actions.tell(session, events)

    @handles_batch(MatchClosed)
    def on_match_closed(self, session: Session, events: list[MatchClosed]) -> None:
        actions.tell(session, events)

    @handles_batch(PledgeReleased)
    def on_pledge_released(self, session: Session, events: list[PledgeReleased]) -> None:
        actions.tell(session, events)

    @handles_batch(ThanksWritten)
    def on_thanks_written(self, session: Session, events: list[ThanksWritten]) -> None:
        actions.tell(session, events)

    @handles_batch(ThanksGiven)
    def on_thanks_given(self, session: Session, events: list[ThanksGiven]) -> None:
        actions.tell(session, events)

    @handles_batch(ThanksRefused)
    def on_thanks_refused(self, session: Session, events: list[ThanksRefused]) -> None:
        actions.tell(session, events)

    @handles_batch(DisputeOpened)
    def on_dispute_opened(self, session: Session, events: list[DisputeOpened]) -> None:
        actions.tell(session, events)

    @handles_batch(DisputeAnswered)
    def on_dispute_answered(self, session: Session, events: list[DisputeAnswered]) -> None:
        actions.tell(session, events)

    @handles_batch(DisputeRaised)
    def on_dispute_raised(self, session: Session, events: list[DisputeRaised]) -> None:
        actions.tell(session, events)

    @handles_batch(DisputeReminded)
    def on_dispute_reminded(self, session: Session, events: list[DisputeReminded]) -> None:
        actions.tell(session, events)

    @handles_batch(DisputeSettled)
    def on_dispute_settled(self, session: Session, events: list[DisputeSettled]) -> None:
        actions.tell(session, events)

    @handles_batch(AppealLodged)
    def on_appeal_lodged(self, session: Session, events: list[AppealLodged]) -> None:
        actions.tell(session, events)

    @handles_batch(AppealDecided)
    def on_appeal_decided(self, session: Session, events: list[AppealDecided]) -> None:
        actions.tell(session, events)
