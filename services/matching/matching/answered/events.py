"""The event of a judged answer, made from its row."""

from typing import Any, cast

from contracts.matching import MatchAnswerJudged
from matching.answered.model import Answer

_SAME = ("match_id", "household_id", "account_id", "person_id", "problem", "judged_at")


def answer_judged(answer: Answer) -> MatchAnswerJudged:
    """Make the event of an answer that was carried out or refused."""
    return MatchAnswerJudged(
        version=1,
        question_id=answer.id,
        **{name: getattr(answer, name) for name in _SAME},
        side=cast("Any", answer.side),
        asked=cast("Any", answer.asked),
        answer=cast("Any", answer.answer),
        outcome="refused" if answer.problem else "done",
    )
