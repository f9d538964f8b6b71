"""What users listens to: nothing of others; it drops sign-ins that are over."""

from sqlalchemy.orm import Session

from chassis.messaging.events import ServiceWorker, every
from users.actions import sessions


class Worker(ServiceWorker):
    name = "users"

    @every(seconds=3600)
    def forget_sign_ins(self, session: Session) -> None:
        sessions.forget(session)
