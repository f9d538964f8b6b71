"""Words about lines of lists of pledges, in both languages."""

from collections.abc import Mapping

from needs.choosing.problems import best_before_needed, best_before_too_near
from needs.imports.labels import WORDS as LIST_WORDS
from needs.limits.problems import too_many_proposals, too_many_units
from needs.pledge_lists.problems import offered_before
from needs.problems import past_validity

OUTCOMES = {
    "ready": ("可以发布", "ready to be offered"),
    "held": ("待您确认", "waiting for you to check it"),
    "refused": ("无法读取", "cannot be read"),
}
PROBLEMS = (best_before_needed, best_before_too_near, offered_before, past_validity, too_many_proposals, too_many_units)
WORDS: Mapping[str, Mapping[str, str]] = {
    **LIST_WORDS,
    **{problem.code: problem.words for problem in PROBLEMS},
    "item_twice": {"zh-CN": "与第 {row} 行是同一种物品，请核对", "en": "row {row} offers the same item; check it"},
    "pledge_open": {
        "zh-CN": "您已有 {count} 份同一物品的爱心意向尚未结束，请核对",
        "en": "your open pledges for the same item: {count}; check that this is not one of them",
    },
}
"""Words about lines, by code and language."""
