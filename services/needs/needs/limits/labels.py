"""Labels of kinds of users, degrees of trust, limits and measures, in Chinese and English."""

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
    "new": ("新用户", "new: nothing of theirs was received yet"),
    "proven": ("已有落实", "proven: something of theirs was received"),
    "verified": ("已认证", "verified by an administrator"),
}
LIMITS = {
    "open_pledges": ("同时有效的爱心意向数", "open pledges at once"),
    "units": ("同一品类同时承诺的数量", "units of an item at once"),
    "proposals": ("待答复的对接建议数", "unanswered proposals at once"),
    "needs_a_day": ("24 小时内发布的需求数", "needs posted in 24 hours"),
    "open_needs": ("同时未结束的需求数（建议）", "open needs at once (advice)"),
    "needs_a_year": ("一年内发布的需求数（建议）", "needs posted in a year (advice)"),
}
MEASURES = {
    "kg": (1, "公斤", "kg"),
    "l": (1, "升", "l"),
    "piece": (1, "件", "pieces"),
    "pair": (1, "双", "pairs"),
    "box": (1, "箱", "boxes"),
    "tin": (1, "罐", "tins"),
    "t": (1, "吨", "tonnes"),
    "m": (1, "米", "metres"),
    "m2": (1, "平方米", "square metres"),
    "mu": (1, "亩", "mu"),
    "bag": (1, "袋", "bags"),
    "bottle": (1, "瓶", "bottles"),
    "set": (1, "套", "sets"),
    "fen": (100, "元", "yuan"),
    "hour": (1, "小时", "hours"),
    "day": (1, "天", "days"),
    "visit": (1, "次", "visits"),
    "person": (1, "人", "people"),
}
"""Units of measure in words: how many of the unit make one of the word, the word in Chinese, in English."""
