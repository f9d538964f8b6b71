"""The worker of users: events of matching, and timers."""

from sqlalchemy.orm import Session

from chassis.messaging.events import ServiceWorker, every, handles_batch
from contracts.matching import DisputeOpened, DisputeSettled, MatchAccepted, MatchClosed, MatchDeclined, MatchReceived, MatchSent
from users.appointments import actions as appointments
from users.codes import actions as codes
from users.erasure import actions as erasure
from users.erasure import retention
from users.handovers import actions as handovers
from users.imports import actions as imports
from users.region_moves import MOVES
from users.self_reports import actions as self_reports
from users.sessions import actions as sessions
from users.throttling import actions as throttling


class Worker(ServiceWorker):
    name = "users"
    region_moves = MOVES

    @handles_batch(MatchAccepted, MatchDeclined)
    def on_answers(self, session: Session, events: list[MatchAccepted | MatchDeclined]) -> None:
        handovers.hear_matches(session, events)

    @handles_batch(MatchSent, MatchReceived, MatchClosed)
    def on_deliveries(self, session: Session, events: list[MatchSent | MatchReceived | MatchClosed]) -> None:
        handovers.hear_matches(session, events)

    @handles_batch(DisputeOpened, DisputeSettled)
    def on_disputes(self, session: Session, events: list[DisputeOpened | DisputeSettled]) -> None:
        handovers.hear_disputes(session, events)

    @every(seconds=10)
    def tell_givers(self, session: Session) -> None:
        handovers.tell_givers(session)

    @every(seconds=3600)
    def delete_expired_sign_ins(self, session: Session) -> None:
        sessions.delete_expired(session)

    @every(seconds=60)
    def begin_appointments(self, session: Session) -> None:
        appointments.begin_due(session)

    @every(seconds=60)
    def end_appointments(self, session: Session) -> None:
        appointments.end_due(session)

    @every(seconds=3600)
    def delete_old_wrong_passwords(self, session: Session) -> None:
        throttling.delete_old(session)

    @every(seconds=60)
    def open_waiting_self_reports(self, session: Session) -> None:
        self_reports.open_waiting(session)

    @every(seconds=3600)
    def delete_old_codes(self, session: Session) -> None:
        codes.delete_old(session)

    @every(seconds=3600)
    def delete_old_imports(self, session: Session) -> None:
        imports.delete_old(session)

    @every(seconds=10)
    def finish_erasures(self, session: Session) -> None:
        erasure.finish_erasures(session)

    @every(seconds=3600)
    def repeat_erasures(self, session: Session) -> None:
        erasure.repeat_erasures(session)

    @every(seconds=3600, at_start=False)
    def erase_old_accounts(self, session: Session) -> None:
        erasure.erase_old_accounts(session)

    @every(seconds=3600, at_start=False)
    def erase_old_register(self, session: Session) -> None:
        retention.erase_old_register(session)
