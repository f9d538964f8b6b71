"""Problems with answers, claims, deliveries and slips."""

from chassis.problems import problem

does_not_fit = problem(
    422,
    "does_not_fit",
    zh="您的爱心意向与这项需求不相符，请另选一项需求或修改意向",
    en="Your pledge does not fit this need. Choose another need or change the pledge.",
)
unknown_need = problem(422, "unknown_need", zh="没有这项需求，请重新选择", en="This need does not exist. Choose another one.")
unknown_pledge = problem(422, "unknown_pledge", zh="您没有这份爱心意向，请重新选择", en="You have no such pledge. Choose another one.")
not_enough = problem(
    409,
    "not_enough",
    zh="需求或爱心意向的剩余数量不足，请减少数量或另选一项",
    en="Not enough is left of the need or the pledge. Choose a smaller quantity or another need.",
)
pledge_rests = problem(
    409,
    "pledge_rests",
    zh="这份爱心意向已按您的答复暂停，请先恢复或修改，再认领",
    en="This pledge is paused. Resume or change it before you claim.",
)
household_limit_reached = problem(
    409,
    "household_limit_reached",
    zh="这户人家能从这份爱心意向得到的数量已满，请帮助另一户",
    en="This household has received all that your pledge gives to one household. Help another one.",
)
more_than_promised = problem(
    409, "more_than_promised", zh="超过了答应的数量，请核对", en="This is more than was promised. Check the quantity."
)
more_than_sent = problem(409, "more_than_sent", zh="超过了送出的数量，请核对", en="This is more than was sent. Check the quantity.")
slip_unknown = problem(
    404,
    "slip_unknown",
    zh="交接单无效或已过期，请联系本村重新打印",
    en="This slip is not valid or has expired. Ask the village to print a new one.",
)
slip_used = problem(
    409, "slip_used", zh="这张交接单已经确认过，不必再次确认", en="This slip has already been confirmed. You do not need to do anything."
)
reason_needed = problem(422, "reason_needed", zh="收到的少于送出的，请说明原因", en="Less arrived than was sent. State the reason.")
still_disputable = problem(
    409,
    "still_disputable",
    zh="对方收到后 14 天内可以提出异议。对方确认无异议或到期后会自动结束，请等候",
    en="The household can raise a dispute for 14 days after receipt. Wait until they agree or the time is over.",
)
dispute_time_over = problem(
    409,
    "dispute_time_over",
    zh="收到后 14 天内可以提出异议，期限已过，有问题请联系当地管理员",
    en="The 14 days for a dispute are over. Contact the local administrator if there is a problem.",
)
disputed = problem(
    409,
    "disputed",
    zh="异议处理完之前不能结束，请等候处理结果",
    en="This cannot be closed before the dispute is settled. Wait for the decision.",
)
no_collection_point = problem(
    409,
    "no_collection_point",
    zh="这个村还没有开放的收货点，请先与村里联系",
    en="The village has no open collection point yet. Contact the village first.",
)
label_not_needed = problem(
    409, "label_not_needed", zh="这项帮助没有物资要寄送，不必打印标签", en="No goods are sent for this help, so you do not need a label."
)
