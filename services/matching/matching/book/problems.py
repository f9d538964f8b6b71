"""Problems with answers, claims, deliveries and slips."""

from chassis.problems import problem

does_not_fit = problem(422, "does_not_fit", zh="您的意向与这项需求不相符", en="Your pledge does not fit this need")
unknown_need = problem(422, "unknown_need", zh="没有这项需求", en="There is no such need")
unknown_pledge = problem(422, "unknown_pledge", zh="您没有这项意向", en="You have no such pledge")
not_enough = problem(409, "not_enough", zh="需求或意向的余量已不足", en="Too little is left of the need or of the pledge")
pledge_rests = problem(
    409,
    "pledge_rests",
    zh="这份意向按您的答复暂停了：请先恢复或修改意向，再认领",
    en="This pledge rests: let it go on, or change it, and claim then",
)
household_limit_reached = problem(
    409,
    "household_limit_reached",
    zh="这户人家能从这份意向得到的数量已满，可以帮助另一户",
    en="This household has had all that the pledge gives to one, help another one",
)
more_than_promised = problem(409, "more_than_promised", zh="超过了答应的数量", en="That is more than was promised")
more_than_sent = problem(409, "more_than_sent", zh="超过了送出的数量", en="That is more than was sent")
slip_unknown = problem(404, "slip_unknown", zh="交接单无效或已过期", en="This slip is not valid, or not any more")
slip_used = problem(409, "slip_used", zh="这张交接单已经确认过", en="This slip has been confirmed already")
reason_needed = problem(422, "reason_needed", zh="收到的少于送出的，请说明原因", en="Less arrived than was sent: say why")
still_disputable = problem(
    409,
    "still_disputable",
    zh="对方收到后 14 天内可以提出异议；对方确认无异议后随即结束，到期也会自动结束",
    en="The household may dispute for 14 days after the receipt; it ends when they agree, or by itself after that",
)
dispute_time_over = problem(
    409,
    "dispute_time_over",
    zh="收到后提出异议的 14 天期限已过",
    en="The 14 days after the receipt in which it could be disputed are over",
)
disputed = problem(409, "disputed", zh="异议处理完之前不能结束", en="It is not closed before its dispute is settled")
no_collection_point = problem(
    409,
    "no_collection_point",
    zh="这个村还没有开放的收货点，请先与村里联系",
    en="The village has no open collection point yet, ask the village first",
)
label_not_needed = problem(
    409, "label_not_needed", zh="这项帮助没有物资要寄送，不需要标签", en="This help sends no goods, so it needs no label"
)
