"""Rules for the sentences that people read, in Chinese and English. Tests ask `find_faults` about every sentence of the house."""

import re

HAN = r"\u3400-\u9fff"
_WORD = re.compile(r"[A-Za-z][A-Za-z0-9_.\-]*")
_PLACEHOLDER = re.compile(r"\{[^{}]*\}")
RENAMED = {
    "捐赠方": "帮扶方",
    "爱心方": "帮扶方",
    "受助方": "需求方",
    "受助户": "需求方",
    "捐助": "帮扶",
    "并非所需": "不属于生产生活必需",
    "等待 0 天": "今日发布",
    "您的身份不能": "您没有此项操作权限",
    "village point": "village",
}
"""Words that had a second name for one thing, or blamed somebody, and the words that stand for them."""
_CHINESE = (
    (rf"[{HAN}][,;:!?()\"'<>]|[,;:!?()\"'<>][{HAN}]", "a half-width sign beside a Chinese character"),
    (rf"[{HAN}] +[{HAN}]", "a space between Chinese characters"),
    (rf"[{HAN}][0-9A-Za-z]|[0-9A-Za-z%][{HAN}]", "no space between Chinese and Latin characters"),
    (r" [，。；：！？、）”]|[（“，。；：！？、] ", "a space beside a Chinese sign"),
    (r"[，。；：！？、][，。；：！？、]", "two signs"),
    (r"(?<![0-9,.])0 天", "a time of 0 days"),
    (r"[0-9]{5,}", "a long number without separators"),
)
_ENGLISH = (
    (rf"[{HAN}]", "a Chinese character"),
    (r"[，。；：！？（）、]", "a full-width sign"),
    (r" [,.;:!?)]|\( ", "a space beside a sign"),
    (r"[,;:][A-Za-z]|[.!?][A-Z]", "no space after a sign"),
    (r"(?<![0-9,.])0 days|(?<![0-9,.])1 (?:days|weeks|times|people|pieces)\b", "a wrong number"),
    (r"\ba [aeio]\w|\ban [bcdfgjklmnpqstvwxyz]\w", "a wrong article"),
    (r"[0-9]{5,}", "a long number without separators"),
)
_BOTH = (
    (r"  |^ | $|\n", "a stray space"),
    (r"[a-z]_[a-z]|\b[a-z]+\.[a-z]+\b", "a code"),
    (r"\b(?:null|None|NULL|True|False)\b", "a value of a program"),
)


def find_faults(text: str, language: str, codes: frozenset[str] = frozenset()) -> list[str]:
    """List what is wrong with a sentence in `zh-CN` or `en`; `codes` are words of lists that must not stand in Chinese text.

    The names of details in braces are no part of the sentence.
    """
    plain = _PLACEHOLDER.sub("…", text)
    rules = (*_BOTH, *(_CHINESE if language == "zh-CN" else _ENGLISH))
    faults = [fault for pattern, fault in rules if re.search(pattern, plain)]
    faults += [f"{old} for {new}" for old, new in RENAMED.items() if old in plain]
    if language == "zh-CN":
        faults += [f"the code {word}" for word in _WORD.findall(plain) if word in codes]
    return faults


def has_chinese(text: str) -> bool:
    """Tell whether a text holds a Chinese character."""
    return re.search(f"[{HAN}]", text) is not None


def names_of_details(text: str) -> set[str]:
    """Return the names of the details in braces, without the language at their ends."""
    return {re.sub(r"[:!].*|_?(?:zh|en)$|^(?:zh|en)_", "", found[1:-1]) for found in _PLACEHOLDER.findall(text) if not found[1].isdigit()}
