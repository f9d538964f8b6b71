"""Snapshots that notify republishes: every delivered notice, the answers of the last month, and every endpoint that is disabled."""

from chassis.messaging.snapshots import Snapshot
from contracts.notify import EndpointDisabled, NoticeDelivered, QuestionAnswered
from notify.answers.events import question_answered
from notify.endpoints.events import endpoint_disabled
from notify.endpoints.model import Endpoint
from notify.events import notice_delivered
from notify.model import Notice
from notify.questions.model import Question

SNAPSHOTS = (
    Snapshot(NoticeDelivered, Notice, notice_delivered, where=Notice.channel == "in_app"),
    Snapshot(QuestionAnswered, Question, question_answered, where=Question.state == "answered"),
    Snapshot(EndpointDisabled, Endpoint, endpoint_disabled, where=Endpoint.state == "disabled"),
)
