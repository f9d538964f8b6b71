"""Reasons of a proposal: codes with figures for the event, words in Chinese and English for people."""

from contracts.matching import Reason
from matching.allocation.score import DEFAULT, Demand, Key, Weights, find_deciding_parts
from matching.allocation.solver import Share

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
    "decided_by_urgency": {
        "zh-CN": "若非{value}，可能先对接另一项需求",
        "en": "had it not been {value}, another need might have come first",
    },
    "decided_by_waiting": {
        "zh-CN": "若没有等待 {value} 天，可能先对接另一项需求",
        "en": "had it not waited for {value} days, another need might have come first",
    },
    "decided_by_village": {
        "zh-CN": "若本村近期已获帮助或正在对接的需求（现为 {value} 项）更多，可能先对接另一项需求",
        "en": "had more than {value} needs of its village been helped or offered help lately, another need might have come first",
    },
    "decided_by_household": {
        "zh-CN": "若该户近期已获帮助或正在对接的需求（现为 {value} 项）更多，可能先对接另一项需求",
        "en": "had more than {value} needs of this household been helped or offered help lately, another need might have come first",
    },
    "decided_by_first_help": {
        "zh-CN": "若这项需求已获得过帮助，可能先对接另一项需求",
        "en": "had this need got something already, another need might have come first",
    },
    "decided_by_hardness": {
        "zh-CN": "若有更多种意向与之相符，可能先对接另一项需求",
        "en": "had more kinds of pledges fitted it, another need might have come first",
    },
}
VALUES = {
    "zh-CN": {
        "normal": "一般", "urgent": "紧急", "critical": "特急",
        "country": "全国", "province": "本省", "city": "本市", "county": "本县", "town": "本乡镇", "village": "本村",
    },
    "en": {"town": "township"},
}  # fmt: skip


def build_reasons(need: Demand, key: Key, share: Share, weights: Weights = DEFAULT) -> list[Reason]:
    """Build the reasons of proposing this share, with the parts of the score that put it before other needs."""
    category, _, scope = key
    figures: dict[str, str | int] = {
        "urgency": URGENCIES[need.urgency],
        "waiting": need.waiting_days,
        "village": need.village_helped,
        "household": need.household_helped or 0,
    }
    return [
        Reason(code="same_item" if category == need.category else "same_group", value=category),
        Reason(code="covers_whole" if share.quantity == need.rest else "covers_part", value=share.quantity),
        Reason(code="urgency", value=URGENCIES[need.urgency]),
        Reason(code="waiting_days", value=need.waiting_days),
        Reason(code="within", value=LEVELS[len(scope)]),
        *(
            Reason(code=f"decided_by_{part}", value=figures.get(part, 0))
            for part in find_deciding_parts(need, share.parts, share.lead, weights)
        ),
    ]


def render_reason(code: str, value: str | int, language: str) -> str:
    """Render a reason as a part of a sentence in `zh-CN` or `en`."""
    shown = VALUES[language].get(str(value), value)
    return WORDS[code][language].format(value=shown)
