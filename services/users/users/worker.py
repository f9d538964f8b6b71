"""The timers of users. It handles no events of other services."""

from sqlalchemy.orm import Session

from chassis.messaging.events import ServiceWorker, every
from users.appointments import actions as appointments
from users.codes import actions as codes
from users.sessions import actions as sessions
from users.throttling import actions as throttling


class Worker(ServiceWorker):
    name = "users"

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

    @every(seconds=3600)
    def delete_old_codes(self, session: Session) -> None:
        codes.delete_old(session)
