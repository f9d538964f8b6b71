"""The timer of users. It handles no events of other services."""

from sqlalchemy.orm import Session

from chassis.messaging.events import ServiceWorker, every
from users.sessions import actions as sessions


class Worker(ServiceWorker):
    name = "users"

    @every(seconds=3600)
    def delete_expired_sign_ins(self, session: Session) -> None:
        sessions.delete_expired(session)
