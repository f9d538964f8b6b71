"""Problems of questions about rates."""

from chassis.problems import problem

wrong_period = problem(
    422, "wrong_period", zh="起始日期须不晚于截止日期，且不超过三年", en="The period must not end before it begins, nor exceed three years"
)
months_only = problem(422, "months_only", zh="公开的数据只按月提供", en="Public figures are given by whole months only")
no_month_over = problem(
    422,
    "no_month_over",
    zh="公开的数据只含已结束的月份，所选期间内还没有",
    en="Public figures cover months that are over; this period has none yet",
)
