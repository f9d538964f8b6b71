"""Labels of photos and thanks in Chinese and English."""

SIDES = {"giver": ("帮扶方", "the giver"), "household": ("需求方", "the household's side")}

PURPOSES = {"evidence": ("交付凭证", "proof of delivery"), "thanks": ("附在感谢里", "added to the thanks")}

THANKS = {"waiting": ("待审核", "waiting to be reviewed"), "released": ("已送达", "delivered"), "refused": ("未通过", "not approved")}

THANKS_REFUSALS = {
    "personal": ("含有个人信息", "it shows personal data"),
    "asks_for_more": ("向帮扶方索要财物", "it asks the giver for more"),
    "improper": ("内容不当", "improper"),
    "not_of_this": ("与这次帮助无关", "not about this help"),
}
