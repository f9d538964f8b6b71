"""Snapshots that notify republishes: every delivered notice, and the answers of the last month."""

from chassis.messaging.snapshots import Snapshot
from contracts.notify import NoticeDelivered, QuestionAnswered
from notify.answers.events import question_answered
from notify.events import notice_delivered
from notify.model import Notice
from notify.questions.model import Question

SNAPSHOTS = (
    Snapshot(NoticeDelivered, Notice, notice_delivered, where=Notice.channel == "in_app"),
    Snapshot(QuestionAnswered, Question, question_answered, where=Question.state == "answered"),
)
