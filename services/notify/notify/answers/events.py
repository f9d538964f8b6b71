"""The event of an understood answer, made from its question."""

from typing import cast

from contracts.notify import Answer, Asked, QuestionAnswered, Telephone
from notify.questions.model import Question


def question_answered(question: Question) -> QuestionAnswered:
    """Make the event of a question that was answered."""
    assert question.closed_at
    return QuestionAnswered(
        version=1,
        question_id=question.id,
        asked=cast("Asked", question.asked),
        about=question.about,
        about_version=question.about_version,
        person_id=question.recipient_id,
        telephone=cast("Telephone", question.telephone),
        answer=cast("Answer", question.answer),
        answered_at=question.closed_at,
    )
