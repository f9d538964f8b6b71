"""The worker of matching: events of needs, pledges and collection points, answers by SMS, and timers."""

from sqlalchemy.orm import Session

from chassis.messaging.events import ServiceWorker, every, handles, handles_batch
from contracts.needs import (
    NeedClosed,
    NeedExpired,
    NeedMet,
    NeedMoved,
    NeedPublished,
    NeedReopened,
    NeedWithdrawn,
    PledgeChanged,
    PledgeOffered,
    PledgeWithdrawn,
)
from contracts.notify import QuestionAnswered
from contracts.users import HouseholdEnded, PersonErased, PlaceChanged
from matching.answered import actions as answered
from matching.balance import actions as balance
from matching.balance import publication
from matching.book import merged_households
from matching.checks import actions as checks
from matching.disputes import actions as disputes
from matching.disputes import reminders as dispute_reminders
from matching.erasure import actions as erasure
from matching.fairness import actions as fairness
from matching.feedback.actions import ratings
from matching.holds import actions as holds
from matching.intake import actions as intake
from matching.intake import moves, reopening
from matching.matches import perishable, reminders, unsent
from matching.matches.actions import answers, claims, delivery
from matching.points import actions as points
from matching.region_moves import MOVES
from matching.reliability import actions as reliability
from matching.reliability import classes
from matching.weights import deferral


class Worker(ServiceWorker):
    name = "matching"
    region_moves = MOVES

    @handles_batch(NeedPublished)
    def on_need_published(self, session: Session, events: list[NeedPublished]) -> None:
        intake.book_needs(session, events)

    @handles_batch(NeedMoved)
    def on_need_moved(self, session: Session, events: list[NeedMoved]) -> None:
        moves.move_needs(session, events)

    @handles_batch(NeedWithdrawn)
    def on_need_withdrawn(self, session: Session, events: list[NeedWithdrawn]) -> None:
        intake.end_needs(session, events)

    @handles_batch(NeedClosed)
    def on_need_closed(self, session: Session, events: list[NeedClosed]) -> None:
        intake.end_needs(session, events)

    @handles_batch(NeedExpired, NeedMet)
    def on_need_over(self, session: Session, events: list[NeedExpired | NeedMet]) -> None:
        intake.end_needs(session, events)

    @handles_batch(NeedReopened)
    def on_need_reopened(self, session: Session, events: list[NeedReopened]) -> None:
        reopening.reopen_needs(session, events)

    @handles_batch(PledgeOffered)
    def on_pledge_offered(self, session: Session, events: list[PledgeOffered]) -> None:
        claims.book_and_claim(session, events)

    @handles(PledgeChanged)
    def on_pledge_changed(self, session: Session, event: PledgeChanged) -> None:
        intake.change_pledge(session, event)

    @handles(PledgeWithdrawn)
    def on_pledge_withdrawn(self, session: Session, event: PledgeWithdrawn) -> None:
        intake.withdraw_pledge(session, event)

    @handles_batch(HouseholdEnded)
    def on_households_ended(self, session: Session, events: list[HouseholdEnded]) -> None:
        merged_households.record_merges(session, events)

    @handles_batch(PlaceChanged)
    def on_place_changed(self, session: Session, events: list[PlaceChanged]) -> None:
        points.record_points(session, events)

    @handles(QuestionAnswered)
    def on_question_answered(self, session: Session, event: QuestionAnswered) -> None:
        if event.asked not in {"consent", "renewal"}:
            answered.carry_out(session, event)

    @handles_batch(PersonErased)
    def on_people_erased(self, session: Session, events: list[PersonErased]) -> None:
        erasure.erase_people(session, events)

    @every(seconds=10)
    def remind(self, session: Session) -> None:
        reminders.remind_pledgers(session)

    @every(seconds=1)
    def lapse(self, session: Session) -> None:
        answers.lapse_matches(session)

    @every(seconds=1)
    def end_choosing(self, session: Session) -> None:
        intake.end_choosing(session)

    @every(seconds=5)
    def expire_holds(self, session: Session) -> None:
        holds.expire_holds(session)

    @every(seconds=60)
    def close_received(self, session: Session) -> None:
        delivery.close_received_matches(session)

    @every(seconds=60)
    def set_missing_deadlines(self, session: Session) -> None:
        unsent.set_missing_deadlines(session)

    @every(seconds=60)
    def remind_senders(self, session: Session) -> None:
        unsent.remind_senders(session)

    @every(seconds=60)
    def remind_receivers(self, session: Session) -> None:
        perishable.remind_receivers(session)

    @every(seconds=10)
    def end_unsent(self, session: Session) -> None:
        unsent.end_unsent_matches(session)

    @every(seconds=60)
    def pass_deadlines(self, session: Session) -> None:
        disputes.apply_deadlines(session)

    @every(seconds=60)
    def remind_county(self, session: Session) -> None:
        dispute_reminders.remind_county(session)

    @every(seconds=2)
    def keep_balance(self, session: Session) -> None:
        if balance.is_update_due(session):
            balance.update_balance(session)

    @every(seconds=1)
    def count_help(self, session: Session) -> None:
        fairness.count_helped_needs(session)

    @every(seconds=60)
    def awaken(self, session: Session) -> None:
        deferral.requeue_deferred_needs(session)

    @every(seconds=5)
    def tell_balance(self, session: Session) -> None:
        publication.publish_changed_balances(session)

    @every(seconds=60)
    def show_ratings(self, session: Session) -> None:
        ratings.show_closed_ratings(session)

    @every(seconds=1)
    def settle_reliability(self, session: Session) -> None:
        classes.update_classes(session)

    @every(seconds=3600, at_start=False)
    def catch_up_on_marks(self, session: Session) -> None:
        reliability.record_missed_events(session)

    @every(seconds=3600, at_start=False)
    def audit(self, session: Session) -> None:
        checks.report_audit(session)

    @every(seconds=3600, at_start=False)
    def erase_old_texts(self, session: Session) -> None:
        erasure.erase_old_texts(session)
