"""How people read the words of photos, thanks, ratings and appeals."""

SIDES = {"giver": ("捐赠方", "the giver"), "household": ("受助方", "the household's side")}
PURPOSES = {"evidence": ("交付凭证", "evidence of what moved"), "thanks": ("随感谢附上", "to go with the thanks")}
THANKS = {"waiting": ("待审核", "waiting to be released"), "released": ("已送达", "given"), "refused": ("未通过", "not let through")}
THANKS_REFUSALS = {
    "personal": ("含有个人信息", "it shows personal data"),
    "asks_for_more": ("向捐赠方索要财物", "it asks the giver for more"),
    "improper": ("内容不当", "it is improper"),
    "not_of_this": ("与这次帮助无关", "it is not about this help"),
}
MARKS = {
    "delivery": ("交付", "a delivery"),
    "collection": ("接收", "a hand-over"),
    "no_show": ("未按约定送达", "not come as agreed"),
    "withdrawal": ("答应后无法提供", "not able to give after all"),
    "lapse": ("逾期未答复", "not answered in time"),
    "rating": ("对方评价", "a rating"),
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
APPEALS = {"waiting": ("待裁定", "waiting to be decided")} | OUTCOMES
