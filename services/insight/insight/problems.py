"""Problems of questions about rates."""

from chassis.problems import problem

wrong_period = problem(
    422,
    "wrong_period",
    zh="起始日期不能晚于截止日期，期间最长三年，请重新选择",
    en="The period must not end before it begins, nor exceed 3 years. Choose it again.",
)
months_only = problem(
    422, "months_only", zh="公开的数据只按月提供，请选择整月", en="Public figures are given for whole months only. Choose months."
)
no_month_over = problem(
    422,
    "no_month_over",
    zh="公开的数据只含已结束的月份，请选择更早的期间",
    en="Public figures cover months that are over. Choose an earlier period.",
)
