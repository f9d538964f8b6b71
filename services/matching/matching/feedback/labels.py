"""Labels of photos and thanks in Chinese and English."""

SIDES = {"giver": ("捐赠方", "the giver"), "household": ("受助方", "the household's side")}

PURPOSES = {"evidence": ("交付凭证", "evidence of what moved"), "thanks": ("随感谢附上", "to go with the thanks")}

THANKS = {"waiting": ("待审核", "waiting to be released"), "released": ("已送达", "given"), "refused": ("未通过", "not let through")}

THANKS_REFUSALS = {
    "personal": ("含有个人信息", "it shows personal data"),
    "asks_for_more": ("向捐赠方索要财物", "it asks the giver for more"),
    "improper": ("内容不当", "it is improper"),
    "not_of_this": ("与这次帮助无关", "it is not about this help"),
}
