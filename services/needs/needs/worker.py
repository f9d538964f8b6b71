"""The event handlers of needs, and its timers: catalogue, clocks of reviews, expiry and reminders, silent villages, old texts.

Users publishes households, institutions and verified organisations, matching the states of matches and pledges, and the balance, notify
the answers by SMS.
"""

from sqlalchemy.orm import Session

from chassis.messaging.events import ServiceWorker, every, handles, handles_batch
from contracts.matching import (
    BalanceChanged,
    ClaimFailed,
    MatchAccepted,
    MatchClosed,
    MatchCorrected,
    MatchDeclined,
    MatchLapsed,
    MatchProposed,
    MatchReceived,
    MatchRefused,
    MatchRevised,
    MatchSent,
    PledgeReleased,
)
from contracts.notify import QuestionAnswered
from contracts.users import (
    HouseholdChanged,
    HouseholdEnded,
    HouseholdMoved,
    HouseholdRegistered,
    InstitutionEnded,
    InstitutionRegistered,
    OrganisationVerificationEnded,
    OrganisationVerified,
    PersonErased,
)
from needs import actions
from needs.answered import actions as answered
from needs.catalogue import actions as catalogue
from needs.choosing import actions as choosing
from needs.drafts import actions as drafts
from needs.duplicates import actions as duplicates
from needs.erasure import actions as erasure
from needs.figures import actions as figures
from needs.guide import actions as guide
from needs.hall import counts
from needs.imports import sending as imports
from needs.life import actions as life
from needs.limits import actions as limits
from needs.region_moves import MOVES
from needs.review import actions as review


class Worker(ServiceWorker):
    name = "needs"
    region_moves = MOVES

    @handles_batch(HouseholdRegistered, HouseholdChanged, HouseholdMoved, HouseholdEnded)
    def on_households(
        self, session: Session, events: list[HouseholdRegistered | HouseholdChanged | HouseholdMoved | HouseholdEnded]
    ) -> None:
        actions.record_households(session, events)

    @handles_batch(InstitutionRegistered, InstitutionEnded)
    def on_institutions(self, session: Session, events: list[InstitutionRegistered | InstitutionEnded]) -> None:
        actions.record_households(session, events)

    @handles_batch(OrganisationVerified, OrganisationVerificationEnded)
    def on_verifications(self, session: Session, events: list[OrganisationVerified | OrganisationVerificationEnded]) -> None:
        limits.record_verifications(session, events)

    @handles_batch(MatchProposed, MatchLapsed, MatchRevised)
    def on_proposals(self, session: Session, events: list[MatchProposed | MatchLapsed | MatchRevised]) -> None:
        actions.record_matches(session, events)

    @handles_batch(MatchAccepted, MatchRefused, MatchDeclined)
    def on_answers(self, session: Session, events: list[MatchAccepted | MatchRefused | MatchDeclined]) -> None:
        actions.record_matches(session, events)

    @handles_batch(MatchSent, MatchReceived, MatchCorrected, MatchClosed)
    def on_deliveries(self, session: Session, events: list[MatchSent | MatchReceived | MatchCorrected | MatchClosed]) -> None:
        actions.record_matches(session, events)

    @handles_batch(BalanceChanged)
    def on_balances(self, session: Session, events: list[BalanceChanged]) -> None:
        guide.record_balances(session, events)

    @handles_batch(ClaimFailed)
    def on_failed_claims(self, session: Session, events: list[ClaimFailed]) -> None:
        choosing.record_failed_claims(session, events)

    @handles_batch(PledgeReleased)
    def on_releases(self, session: Session, events: list[PledgeReleased]) -> None:
        actions.record_releases(session, events)

    @handles(QuestionAnswered)
    def on_question_answered(self, session: Session, event: QuestionAnswered) -> None:
        if event.asked in {"consent", "renewal"}:
            answered.carry_out(session, event)

    @handles_batch(PersonErased)
    def on_people_erased(self, session: Session, events: list[PersonErased]) -> None:
        erasure.erase_people(session, events)

    @every(seconds=600)
    def publish_catalogue(self, session: Session) -> None:
        catalogue.publish_catalogue(session)

    @every(seconds=2)
    def expire_pledges(self, session: Session) -> None:
        actions.expire_pledges(session)

    @every(seconds=60)
    def remind_givers(self, session: Session) -> None:
        choosing.remind_givers(session)

    @every(seconds=60)
    def remind_reviewers(self, session: Session) -> None:
        review.remind_reviewers(session)

    @every(seconds=60)
    def tell_overdue(self, session: Session) -> None:
        review.tell_overdue(session)

    @every(seconds=3600, at_start=False)
    def forget_old_likenesses(self, session: Session) -> None:
        duplicates.forget_old(session)

    @every(seconds=10)
    def set_missing_expiries(self, session: Session) -> None:
        life.set_missing_expiries(session)

    @every(seconds=60)
    def remind_of_expiry(self, session: Session) -> None:
        life.remind_of_expiry(session)

    @every(seconds=10)
    def expire_needs(self, session: Session) -> None:
        life.expire_needs(session)

    @every(seconds=60)
    def check_villages(self, session: Session) -> None:
        life.check_villages(session)

    @every(seconds=2)
    def count_needs(self, session: Session) -> None:
        counts.add_up(session)

    @every(seconds=1)
    def publish_figures(self, session: Session) -> None:
        figures.publish_changed_figures(session)

    @every(seconds=3600, at_start=False)
    def erase_old_texts(self, session: Session) -> None:
        erasure.erase_old_texts(session)

    @every(seconds=3600)
    def delete_old_imports(self, session: Session) -> None:
        imports.delete_old(session)

    @every(seconds=3600, at_start=False)
    def delete_old_drafts(self, session: Session) -> None:
        drafts.delete_old_drafts(session)
