"""The event handlers of insight (people, households, needs, pledges, matches, objections), and the timer that counts."""

from sqlalchemy.orm import Session

from chassis.messaging.events import ServiceWorker, every, handles_batch
from contracts.matching import (
    AppealDecided,
    AppealLodged,
    DisputeOpened,
    DisputeSettled,
    MatchAccepted,
    MatchClosed,
    MatchCorrected,
    MatchDeclined,
    MatchLapsed,
    MatchNeedEnded,
    MatchNeedReopened,
    MatchProposed,
    MatchReceived,
    MatchRefused,
    MatchRevised,
    MatchSent,
)
from contracts.needs import (
    CatalogueChanged,
    NeedClosed,
    NeedExpired,
    NeedMet,
    NeedPublished,
    NeedRejected,
    NeedReopened,
    NeedWithdrawn,
    PledgeChanged,
    PledgeOffered,
    PledgeWithdrawn,
)
from contracts.users import HouseholdEnded, HouseholdMoved, HouseholdRegistered, OfficialRegistered, UserRegistered
from insight import actions, counting, values
from insight.region_moves import MOVES


class Worker(ServiceWorker):
    name = "insight"
    region_moves = MOVES

    @handles_batch(UserRegistered, OfficialRegistered)
    def on_people(self, session: Session, events: list[UserRegistered | OfficialRegistered]) -> None:
        actions.record_people(session, events)

    @handles_batch(HouseholdRegistered)
    def on_households(self, session: Session, events: list[HouseholdRegistered]) -> None:
        actions.record_households(session, events)

    @handles_batch(HouseholdMoved, HouseholdEnded)
    def on_leaving_households(self, session: Session, events: list[HouseholdMoved | HouseholdEnded]) -> None:
        actions.record_leaving_households(session, events)

    @handles_batch(NeedPublished)
    def on_published_needs(self, session: Session, events: list[NeedPublished]) -> None:
        actions.record_published_needs(session, events)

    @handles_batch(NeedReopened)
    def on_reopened_needs(self, session: Session, events: list[NeedReopened]) -> None:
        actions.record_reopened_needs(session, events)

    @handles_batch(NeedRejected, NeedWithdrawn, NeedClosed)
    def on_ended_needs(self, session: Session, events: list[NeedRejected | NeedWithdrawn | NeedClosed]) -> None:
        actions.record_ended_needs(session, events)

    @handles_batch(NeedExpired, NeedMet)
    def on_needs_over(self, session: Session, events: list[NeedExpired | NeedMet]) -> None:
        actions.record_ended_needs(session, events)

    @handles_batch(PledgeOffered, PledgeChanged, PledgeWithdrawn)
    def on_pledges(self, session: Session, events: list[PledgeOffered | PledgeChanged | PledgeWithdrawn]) -> None:
        actions.record_pledges(session, events)

    @handles_batch(MatchProposed, MatchLapsed, MatchRevised)
    def on_proposals(self, session: Session, events: list[MatchProposed | MatchLapsed | MatchRevised]) -> None:
        actions.record_matches(session, events)

    @handles_batch(MatchAccepted, MatchRefused, MatchDeclined)
    def on_answers(self, session: Session, events: list[MatchAccepted | MatchRefused | MatchDeclined]) -> None:
        actions.record_matches(session, events)

    @handles_batch(MatchNeedEnded, MatchNeedReopened)
    def on_needs_of_matches(self, session: Session, events: list[MatchNeedEnded | MatchNeedReopened]) -> None:
        actions.record_matches(session, events)

    @handles_batch(MatchSent, MatchReceived, MatchCorrected, MatchClosed)
    def on_deliveries(self, session: Session, events: list[MatchSent | MatchReceived | MatchCorrected | MatchClosed]) -> None:
        actions.record_matches(session, events)

    @handles_batch(DisputeOpened, DisputeSettled, AppealLodged, AppealDecided)
    def on_objections(self, session: Session, events: list[DisputeOpened | DisputeSettled | AppealLodged | AppealDecided]) -> None:
        actions.record_objections(session, events)

    @handles_batch(CatalogueChanged)
    def on_catalogue_changed(self, session: Session, events: list[CatalogueChanged]) -> None:
        super().on_catalogue_changed(session, events)
        values.record_values(session, events)

    @every(seconds=1)
    def count(self, session: Session) -> None:
        counting.count_stale(session)
