"""What insight listens to: all that says who takes part, what is needed, offered and matched; and the timer that counts."""

from sqlalchemy.orm import Session

from chassis.messaging.events import ServiceWorker, every, handles_batch
from contracts.matching import (
    AppealDecided,
    AppealLodged,
    DisputeOpened,
    DisputeSettled,
    MatchAccepted,
    MatchClosed,
    MatchDeclined,
    MatchLapsed,
    MatchNeedEnded,
    MatchProposed,
    MatchReceived,
    MatchRefused,
    MatchRevised,
    MatchSent,
)
from contracts.needs import NeedClosed, NeedPublished, NeedRejected, NeedWithdrawn, PledgeChanged, PledgeOffered, PledgeWithdrawn
from contracts.users import HouseholdRegistered, UserRegistered
from insight import actions, counting


class Worker(ServiceWorker):
    name = "insight"

    @handles_batch(UserRegistered)
    def on_user_registered(self, session: Session, events: list[UserRegistered]) -> None:
        actions.note_people(session, events)

    @handles_batch(HouseholdRegistered)
    def on_household_registered(self, session: Session, events: list[HouseholdRegistered]) -> None:
        actions.note_households(session, events)

    @handles_batch(NeedPublished)
    def on_need_published(self, session: Session, events: list[NeedPublished]) -> None:
        actions.note_published(session, events)

    @handles_batch(NeedRejected)
    def on_need_rejected(self, session: Session, events: list[NeedRejected]) -> None:
        actions.note_ended(session, events)

    @handles_batch(NeedWithdrawn)
    def on_need_withdrawn(self, session: Session, events: list[NeedWithdrawn]) -> None:
        actions.note_ended(session, events)

    @handles_batch(NeedClosed)
    def on_need_closed(self, session: Session, events: list[NeedClosed]) -> None:
        actions.note_ended(session, events)

    @handles_batch(PledgeOffered)
    def on_pledge_offered(self, session: Session, events: list[PledgeOffered]) -> None:
        actions.note_pledges(session, events)

    @handles_batch(PledgeChanged)
    def on_pledge_changed(self, session: Session, events: list[PledgeChanged]) -> None:
        actions.note_pledges(session, events)

    @handles_batch(PledgeWithdrawn)
    def on_pledge_withdrawn(self, session: Session, events: list[PledgeWithdrawn]) -> None:
        actions.note_pledges(session, events)

    @handles_batch(MatchProposed)
    def on_match_proposed(self, session: Session, events: list[MatchProposed]) -> None:
        actions.note_matches(session, events)

    @handles_batch(MatchAccepted)
    def on_match_accepted(self, session: Session, events: list[MatchAccepted]) -> None:
        actions.note_matches(session, events)

    @handles_batch(MatchRefused)
    def on_match_refused(self, session: Session, events: list[MatchRefused]) -> None:
        actions.note_matches(session, events)

    @handles_batch(MatchDeclined)
    def on_match_declined(self, session: Session, events: list[MatchDeclined]) -> None:
        actions.note_matches(session, events)

    @handles_batch(MatchRevised)
    def on_match_revised(self, session: Session, events: list[MatchRevised]) -> None:
        actions.note_matches(session, events)

    @handles_batch(MatchLapsed)
    def on_match_lapsed(self, session: Session, events: list[MatchLapsed]) -> None:
        actions.note_matches(session, events)

    @handles_batch(MatchNeedEnded)
    def on_match_need_ended(self, session: Session, events: list[MatchNeedEnded]) -> None:
        actions.note_matches(session, events)

    @handles_batch(MatchSent)
    def on_match_sent(self, session: Session, events: list[MatchSent]) -> None:
        actions.note_matches(session, events)

    @handles_batch(MatchReceived)
    def on_match_received(self, session: Session, events: list[MatchReceived]) -> None:
        actions.note_matches(session, events)

    @handles_batch(MatchClosed)
    def on_match_closed(self, session: Session, events: list[MatchClosed]) -> None:
        actions.note_matches(session, events)

    @handles_batch(DisputeOpened)
    def on_dispute_opened(self, session: Session, events: list[DisputeOpened]) -> None:
        actions.note_objections(session, events)

    @handles_batch(DisputeSettled)
    def on_dispute_settled(self, session: Session, events: list[DisputeSettled]) -> None:
        actions.note_objections(session, events)

    @handles_batch(AppealLodged)
    def on_appeal_lodged(self, session: Session, events: list[AppealLodged]) -> None:
        actions.note_objections(session, events)

    @handles_batch(AppealDecided)
    def on_appeal_decided(self, session: Session, events: list[AppealDecided]) -> None:
        actions.note_objections(session, events)

    @every(seconds=1)
    def count(self, session: Session) -> None:
        counting.count(session)
