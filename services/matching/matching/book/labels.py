"""Labels of match states and of reasons, in Chinese and English."""

STATES = {
    "proposed": ("待答复", "waiting for an answer"),
    "accepted": ("已接受", "accepted"),
    "refused": ("已谢绝", "refused"),
    "declined": ("需求方不接受", "declined by the household's side"),
    "lapsed": ("已失效", "lapsed"),
    "sent": ("已送出", "sent"),
    "received": ("已收到", "received"),
    "closed": ("已结束", "closed"),
}
REFUSALS = {
    "too_far": ("距离太远", "too far"),
    "out_of_stock": ("暂时没有", "out of stock"),
    "does_not_fit": ("不合适", "does not fit"),
    "changed_my_mind": ("改变主意", "changed my mind"),
    "other": ("其他原因", "other reasons"),
}
DECLINES = {
    "not_needed": ("不需要这一份", "not needed any more"),
    "does_not_fit": ("不合适", "does not fit"),
    "cannot_receive": ("无法接收", "cannot be received"),
    "met_elsewhere": ("已由他处解决", "met elsewhere"),
    "other": ("其他原因", "other reasons"),
}
CARRIERS = {
    "in_person": ("当面送到", "brought in person"),
    "pick_up": ("自行领取", "picked up"),
    "ems": ("中国邮政", "China Post"),
    "sf": ("顺丰", "SF Express"),
    "jd": ("京东物流", "JD Logistics"),
    "zto": ("中通", "ZTO"),
    "yto": ("圆通", "YTO"),
    "sto": ("申通", "STO"),
    "yunda": ("韵达", "Yunda"),
    "other": ("其他", "another"),
}
DIFFERENCES = {
    "short": ("数量不足", "fewer arrived than were sent"),
    "damaged": ("有损坏", "damaged"),
    "wrong_item": ("物品不符", "not what was needed"),
    "lost": ("运输中丢失", "lost on the way"),
    "refused": ("未收下", "not accepted"),
    "other": ("其他原因", "other reasons"),
}
DISPUTED = {
    "open": ("有异议待处理", "dispute open"),
    "settled": ("异议已处理", "dispute settled"),
}
CANCELLATIONS = {
    "not_deliverable": ("无法送达", "it cannot be delivered"),
    "giver_withdrew": ("帮扶方无法提供", "the giver can no longer give it"),
    "giver_no_show": ("帮扶方未按约定送达", "the giver did not deliver as agreed"),
    "household_moved": ("住户已搬离", "the household has moved away"),
    "need_over": ("已不再需要", "it is no longer needed"),
}
