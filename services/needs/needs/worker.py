"""What needs listens to: households from users, and how matches go."""

from sqlalchemy.orm import Session

from chassis.messaging.events import ServiceWorker, handles_batch
from contracts.matching import (
    MatchAccepted,
    MatchClosed,
    MatchDeclined,
    MatchLapsed,
    MatchProposed,
    MatchReceived,
    MatchRefused,
    MatchRevised,
    MatchSent,
    PledgeReleased,
)
from contracts.users import HouseholdRegistered
from needs import actions


class Worker(ServiceWorker):
    name = "needs"

    @handles_batch(HouseholdRegistered)
    def on_household_registered(self, session: Session, events: list[HouseholdRegistered]) -> None:
        actions.note_households(session, events)

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

    @handles_batch(MatchSent)
    def on_match_sent(self, session: Session, events: list[MatchSent]) -> None:
        actions.note_matches(session, events)

    @handles_batch(MatchReceived)
    def on_match_received(self, session: Session, events: list[MatchReceived]) -> None:
        actions.note_matches(session, events)

    @handles_batch(MatchClosed)
    def on_match_closed(self, session: Session, events: list[MatchClosed]) -> None:
        actions.note_matches(session, events)

    @handles_batch(PledgeReleased)
    def on_pledge_released(self, session: Session, events: list[PledgeReleased]) -> None:
        actions.note_releases(session, events)
