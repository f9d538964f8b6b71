"""Labels of reliability events, reliability classes and appeals, in Chinese and English."""

MARKS = {
    "delivery": ("交付", "delivery"),
    "collection": ("接收", "hand-over"),
    "no_show": ("未按约定送达", "not delivered as agreed"),
    "withdrawal": ("答应后无法提供", "not able to give after agreeing"),
    "lapse": ("逾期未答复", "not answered in time"),
    "rating": ("对方评价", "rating"),
}

LEVELS = {
    "very_low": ("很低", "very low"),
    "low": ("偏低", "low"),
    "fair": ("一般", "fair"),
    "good": ("良好", "good"),
    "very_good": ("很好", "very good"),
}
"""The five classes, the lowest first."""

OUTCOMES = {"upheld": ("申诉成立", "upheld"), "dismissed": ("申诉不成立", "dismissed")}

APPEALS = {"waiting": ("待裁定", "waiting for a decision")} | OUTCOMES
