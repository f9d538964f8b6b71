"""Labels of kinds of users, degrees of trust, limits and measures, in Chinese and English."""

from chassis.wording import UNITS

KINDS = {
    "household": ("贫困户", "household"),
    "staff": ("工作人员", "staff"),
    "donor": ("爱心人士", "donor"),
    "volunteer": ("志愿者", "volunteer"),
    "organisation": ("社会组织/企业", "organisation"),
    "merchant": ("网络商", "merchant"),
    "cadre": ("帮扶干部", "cadre"),
    "work_unit": ("帮扶单位", "work unit"),
}
TRUST = {
    "new": ("新用户", "new: nothing of theirs has been received yet"),
    "proven": ("有落实记录", "proven: something of theirs has been received"),
    "verified": ("已认证", "verified by an administrator"),
}
LIMITS = {
    "open_pledges": ("同时有效的爱心意向数", "open pledges at once"),
    "units": ("同一品类同时登记的数量", "units of an item at once"),
    "proposals": ("待答复的对接建议数", "unanswered proposals at once"),
    "needs_a_day": ("24 小时内发布的需求数", "needs posted in 24 hours"),
    "open_needs": ("同时未结束的需求数（建议）", "open needs at once (advice)"),
    "needs_a_year": ("一年内发布的需求数（建议）", "needs posted in a year (advice)"),
}
MEASURES = {unit: (100 if unit == "fen" else 1, zh, en) for unit, (zh, en, *_) in UNITS.items()}
"""Units of measure in words: how many of the unit make one of the word, the word in Chinese, in English."""
