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
more_than_promised = problem(409, "more_than_promised", zh="超过了答应的数量", en="That is more than was promised")
more_than_sent = problem(409, "more_than_sent", zh="超过了送出的数量", en="That is more than was sent")
slip_unknown = problem(404, "slip_unknown", zh="交接单无效或已过期", en="This slip is not valid, or not any more")
slip_used = problem(409, "slip_used", zh="这张交接单已经确认过", en="This slip has been confirmed already")
reason_needed = problem(422, "reason_needed", zh="收到的少于送出的，请说明原因", en="Less arrived than was sent: say why")
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
