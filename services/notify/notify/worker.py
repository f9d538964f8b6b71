"""The worker of notify, which listens to every event that has a notice, and to requests for codes."""

from sqlalchemy.orm import Session

from chassis.data import ended_sessions
from chassis.data.region_moves import move_column
from chassis.messaging.events import ServiceWorker, every, handles_batch
from contracts.event import Event
from contracts.matching import BalanceChanged, MatchCorrected
from contracts.needs import NeedFiguresChanged
from contracts.notices import by_event
from contracts.users import AdministratorDismissed, AuditorDismissed, CodeRequested, PersonErased, SignInEnded
from notify import actions
from notify.answers import actions as answers
from notify.endpoints import actions as endpoints
from notify.endpoints.model import Endpoint
from notify.live import actions as live
from notify.live.model import Change
from notify.messages import actions as messages
from notify.messages import manners, planning
from notify.messages.model import Message
from notify.questions import actions as questions
from notify.questions.model import Question
from notify.templates.model import WordSet

# A successor that has words of its own keeps them.
HAS_OWN_WORDS = (
    "EXISTS (SELECT FROM templates AS there WHERE there.region = change.after AND there.kind = held.kind AND there.side = held.side)"
)


class Worker(ServiceWorker):
    name = "notify"
    refuses_retelling = "people would be told of what is long past"
    region_moves = (
        move_column(Message.region), move_column(Question.region), move_column(Change.region), move_column(Endpoint.region),
        move_column(WordSet.region, unless=HAS_OWN_WORDS, is_setting=True),
    )  # fmt: skip

    @handles_batch(*(event for event in by_event() if event not in {AdministratorDismissed, AuditorDismissed}))
    def on_events(self, session: Session, events: list[Event]) -> None:
        actions.write_notices(session, events)
        live.record_matches(session, events)

    @handles_batch(MatchCorrected)
    def on_match_corrected(self, session: Session, events: list[MatchCorrected]) -> None:
        live.record_matches(session, events)

    @handles_batch(BalanceChanged)
    def on_balance_changed(self, session: Session, events: list[BalanceChanged]) -> None:
        live.record_balances(session, events)

    @handles_batch(NeedFiguresChanged)
    def on_need_figures_changed(self, session: Session, events: list[NeedFiguresChanged]) -> None:
        live.record_needs(session, events)

    @handles_batch(AdministratorDismissed)
    def on_administrator_dismissed(self, session: Session, events: list[AdministratorDismissed]) -> None:
        super().on_administrator_dismissed(session, events)
        actions.write_notices(session, events)

    @handles_batch(AuditorDismissed)
    def on_auditor_dismissed(self, session: Session, events: list[AuditorDismissed]) -> None:
        super().on_auditor_dismissed(session, events)
        actions.write_notices(session, events)

    @handles_batch(CodeRequested)
    def on_code_requested(self, session: Session, events: list[CodeRequested]) -> None:
        planning.record_codes(session, events)

    @handles_batch(SignInEnded)
    def on_sign_in_ended(self, session: Session, events: list[SignInEnded]) -> None:
        ended_sessions.record(session, events)

    @handles_batch(PersonErased)
    def on_people_erased(self, session: Session, events: list[PersonErased]) -> None:
        actions.delete_notices(session, events)

    @every(seconds=2, at_start=False)
    def gather_digests(self, session: Session) -> None:
        manners.gather(session)

    @every(seconds=60)
    def expire_questions(self, session: Session) -> None:
        questions.expire_questions(session)

    @every(seconds=3600, at_start=False)
    def delete_old_answers(self, session: Session) -> None:
        answers.delete_old(session)

    @every(seconds=3600, at_start=False)
    def delete_old_messages(self, session: Session) -> None:
        messages.delete_old(session)

    @every(seconds=600, at_start=False)
    def delete_old_changes(self, session: Session) -> None:
        live.delete_old(session)

    @every(seconds=3600, at_start=False)
    def delete_old_notices(self, session: Session) -> None:
        actions.delete_old_notices(session)

    @every(seconds=60)
    def tend_endpoints(self, session: Session) -> None:
        endpoints.tend_endpoints(session)
