"""Reasons of a proposal: codes with figures for the event, words in Chinese and English for people."""

from chassis.wording import ItemWords, word_quantity
from contracts.matching import Reason
from matching.allocation.score import DEFAULT, Demand, Key, Weights, find_deciding_parts
from matching.allocation.solver import Share

LEVELS = {0: "country", 2: "province", 4: "city", 6: "county", 9: "town", 12: "village"}
QUANTITIES = ("covers_whole", "covers_part")
URGENCIES = {1: "normal", 2: "urgent", 4: "critical"}
WORDS = {
    "urgency": {"zh-CN": "紧急程度：{value}", "en": "urgency: {value}"},
    "waiting_days": {"zh-CN": "已等待 {value} 天", "en": "waiting for {value} days"},
    "published_today": {"zh-CN": "今日发布", "en": "published today"},
    "waiting_one_day": {"zh-CN": "已等待 1 天", "en": "waiting for 1 day"},
    "same_item": {"zh-CN": "与所需完全相符", "en": "exactly what is needed"},
    "same_group": {"zh-CN": "属于意向所列的类别", "en": "of a kind that the pledge names"},
    "within": {"zh-CN": "在意向指定的范围内（{value}）", "en": "within the area of the pledge ({value})"},
    "covers_whole": {"zh-CN": "可满足全部需求：{value}", "en": "covers the whole need: {value}"},
    "covers_part": {"zh-CN": "可满足部分需求：{value}", "en": "covers part of the need: {value}"},
    "decided_by_urgency": {"zh-CN": "情况{value}，优先对接", "en": "comes first because it is {value}"},
    "decided_by_waiting": {"zh-CN": "等待时间较长（{value} 天），优先对接", "en": "comes first after waiting for {value} days"},
    "decided_by_waiting_shortly": {"zh-CN": "等待时间较长，优先对接", "en": "comes first because it has waited longest"},
    "decided_by_village": {
        "zh-CN": "本村近期获帮助较少，优先对接",
        "en": "comes first because its village has had less help lately",
    },
    "decided_by_household": {
        "zh-CN": "该户近期获帮助较少，优先对接",
        "en": "comes first because this household has had less help lately",
    },
    "decided_by_first_help": {
        "zh-CN": "这项需求尚未获得帮助，优先对接",
        "en": "comes first because nobody has helped with this need yet",
    },
    "decided_by_hardness": {
        "zh-CN": "能满足这项需求的意向较少，优先对接",
        "en": "comes first because few pledges fit it",
    },
}
_BY_VALUE: dict[tuple[str, str | int], str] = {
    ("waiting_days", 0): "published_today",
    ("waiting_days", 1): "waiting_one_day",
    ("decided_by_waiting", 0): "decided_by_waiting_shortly",
    ("decided_by_waiting", 1): "decided_by_waiting_shortly",
}
"""Codes whose words are others for one value: nobody has waited for 0 days, or for 1 days."""
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


def render_reason(code: str, value: str | int, language: str, item: ItemWords, unit: str) -> str:
    """Render a reason as a part of a sentence in `zh-CN` or `en`; quantities are those of the item, in its unit."""
    code = _BY_VALUE.get((code, value), code)
    if code in QUANTITIES and isinstance(value, int):
        shown: str | int = word_quantity(item, value, unit, language)
    else:
        shown = VALUES[language].get(str(value), value)
    return WORDS[code][language].format(value=shown)
