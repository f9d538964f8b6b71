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
    "out_of_stock": ("已无存货", "out of stock"),
    "does_not_fit": ("不合适", "does not fit"),
    "changed_my_mind": ("改变主意", "changed my mind"),
    "other": ("其他", "other"),
}
DECLINES = {
    "not_needed": ("不再需要", "not needed any more"),
    "does_not_fit": ("不合适", "does not fit"),
    "cannot_receive": ("无法接收", "cannot be received"),
    "met_elsewhere": ("已由他处解决", "met elsewhere"),
    "other": ("其他", "other"),
}
CARRIERS = {
    "in_person": ("当面送到", "brought in person"),
    "pick_up": ("自行领取", "picked up"),
    "ems": ("中国邮政", "China Post, EMS"),
    "sf": ("顺丰", "SF Express"),
    "jd": ("京东物流", "JD Logistics"),
    "zto": ("中通", "ZTO"),
    "yto": ("圆通", "YTO"),
    "sto": ("申通", "STO"),
    "yunda": ("韵达", "Yunda"),
    "other": ("其他", "another"),
}
DIFFERENCES = {
    "short": ("数量不足", "fewer than were sent"),
    "damaged": ("有损坏", "damaged"),
    "wrong_item": ("物品不符", "not what was sent for"),
    "lost": ("运输中丢失", "lost on the way"),
    "refused": ("未收下", "not taken in"),
    "other": ("其他", "other"),
}
DISPUTED = {
    "open": ("有异议待处理", "a dispute waits"),
    "settled": ("异议已处理", "a dispute was settled"),
}
CANCELLATIONS = {
    "not_deliverable": ("无法送达", "it cannot be delivered"),
    "giver_withdrew": ("捐赠方无法提供", "the giver cannot give it after all"),
    "giver_no_show": ("捐赠方未履约", "the giver did not come"),
    "household_moved": ("住户已搬离", "the household has moved"),
    "need_over": ("已不再需要", "it is needed no longer"),
}
