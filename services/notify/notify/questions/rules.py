"""Rules of questions: the answers to each, whose telephone may be asked, for how long; and how an answer is read."""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from contracts.notify import Answer, Asked

OWN = "own"
STOP = "stop"
"""The reading of an answer that wants no more texts."""
ASKED_AT_MOST = 2
"""A question whose answer was not clear is asked once more, then the village's list has it."""


@dataclass(frozen=True)
class QuestionKind:
    """A kind of question, with its answers by their digits. It is open for a time, and never longer than the fact `until` says."""

    answers: Mapping[str, Answer]
    open_for: timedelta
    until: str = ""
    asks_any_telephone: bool = False


_YES_OR_NO: Mapping[str, Answer] = {"1": "accept", "2": "refuse"}
KINDS: Mapping[Asked, QuestionKind] = {
    "consent": QuestionKind(_YES_OR_NO, timedelta(days=7)),
    "proposal": QuestionKind(_YES_OR_NO, timedelta(days=7), until="answer_by"),
    "promise": QuestionKind(_YES_OR_NO, timedelta(days=3), asks_any_telephone=True),
    "renewal": QuestionKind({"3": "renew"}, timedelta(days=7), until="expires_at"),
    "arrival": QuestionKind({"4": "not_received"}, timedelta(days=14)),
}

_READINGS = {
    **dict.fromkeys(("1", "一", "y", "yes", "ok", "是", "好", "好的", "行", "可以", "同意", "接受", "愿意"), "1"),
    **dict.fromkeys(("2", "二", "n", "no", "否", "不", "不行", "不同意", "不接受", "不愿意", "不要", "不需要", "拒绝"), "2"),
    **dict.fromkeys(("3", "三", "续", "续期"), "3"),
    **dict.fromkeys(("4", "四", "没收到", "没有收到", "未收到"), "4"),
    **dict.fromkeys(("t", "td", "退订"), STOP),
}
_AROUND = re.compile(r"[\s\ufe0f\u20e3\"'“”‘’.,:;!?。、,:;!?~()\[\]【】<>《》-]+")
_LONGEST = 20


def may_ask(asked: Asked, whose: str | None) -> bool:
    """Tell whether this may be asked of a telephone: one that is shared, or a neighbour's, only accepts and refuses."""
    return whose == OWN or KINDS[asked].asks_any_telephone


def find_expiry(asked: Asked, facts: Mapping[str, Any], at: datetime) -> datetime:
    """Return when a question that is asked at `at` expires."""
    kind = KINDS[asked]
    expires = at + kind.open_for
    stated = facts.get(kind.until) if kind.until else None
    return min(expires, datetime.fromisoformat(stated)) if stated else expires


def read_answer(said: str) -> str | None:
    """Read an answer: a digit from 1 to 4, `stop`, or None for whatever is not in the table.

    Full-width and circled digits, spaces, punctuation and capitals do not matter; anything else beside the word does.
    """
    if len(said) > 4 * _LONGEST:
        return None
    plain = _AROUND.sub("", unicodedata.normalize("NFKC", said)).lower()
    return _READINGS.get(plain.removeprefix("回复")) if len(plain) <= _LONGEST else None


def choices_of(asked: Asked) -> str:
    """Return the digits of a question as a text names them."""
    return " 或 ".join(KINDS[asked].answers)
