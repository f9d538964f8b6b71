"""The event of a judged answer, made from its row."""

from typing import Any, cast

from contracts.needs import NeedAnswerJudged
from needs.answered.model import Answer

_SAME = ("need_id", "household_id", "account_id", "person_id", "problem", "judged_at")


def answer_judged(answer: Answer) -> NeedAnswerJudged:
    """Make the event of an answer that was carried out or refused."""
    return NeedAnswerJudged(
        version=1,
        question_id=answer.id,
        **{name: getattr(answer, name) for name in _SAME},
        asked=cast("Any", answer.asked),
        answer=cast("Any", answer.answer),
        outcome="refused" if answer.problem else "done",
    )
