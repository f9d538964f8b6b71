"""Why a proposal was made: codes with figures for the event, words in Chinese and English for people."""

from contracts.matching import Reason
from matching.allocation import Asked, Key

LEVELS = {0: "country", 2: "province", 4: "city", 6: "county", 9: "town", 12: "village"}
URGENCIES = {1: "normal", 2: "urgent", 4: "critical"}
WORDS = {
    "urgency": {"zh-CN": "紧急程度：{value}", "en": "urgency: {value}"},
    "waiting_days": {"zh-CN": "已等待 {value} 天", "en": "waiting for {value} days"},
    "same_item": {"zh-CN": "正是所需的物品", "en": "exactly what is needed"},
    "same_group": {"zh-CN": "属于您愿意提供的类别", "en": "of the kind that is offered"},
    "within": {"zh-CN": "在您指定的范围内（{value}）", "en": "inside the area that was named ({value})"},
    "covers_whole": {"zh-CN": "可满足全部 {value}", "en": "covers all of the {value} asked for"},
    "covers_part": {"zh-CN": "可满足其中 {value}", "en": "covers {value} of what is asked for"},
}
VALUES = {
    "zh-CN": {
        "normal": "一般", "urgent": "紧急", "critical": "特急",
        "country": "全国", "province": "本省", "city": "本市", "county": "本县", "town": "本乡镇", "village": "本村",
    },
    "en": {"town": "township"},
}  # fmt: skip


def reasons_for(need: Asked, key: Key, quantity: int) -> list[Reason]:
    """The grounds of proposing `quantity` of a pledge with this key for the need."""
    category, _, scope = key
    return [
        Reason(code="same_item" if category == need.category else "same_group", value=category),
        Reason(code="covers_whole" if quantity == need.rest else "covers_part", value=quantity),
        Reason(code="urgency", value=URGENCIES[need.urgency]),
        Reason(code="waiting_days", value=need.waiting_days),
        Reason(code="within", value=LEVELS[len(scope)]),
    ]


def spoken(code: str, value: str | int, language: str) -> str:
    """A reason as a sentence part in `zh-CN` or `en`."""
    shown = VALUES[language].get(str(value), value)
    return WORDS[code][language].format(value=shown)
