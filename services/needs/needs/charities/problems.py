"""Problems with charities, and with needs for money without one."""

from chassis.problems import problem

charity_needed = problem(
    409,
    "charity_needed",
    zh="本县尚未指定接收款项的慈善组织，资金类需求暂不能发布，请先联系县级管理员指定",
    en="The county has named no charity to receive money yet, so this need cannot be published. Ask the county administrator.",
)
charity_named = problem(
    409,
    "charity_named",
    zh="该地区已指定这家慈善组织，不必重复指定",
    en="This charity is already named for the region. You do not need to do anything.",
)
past_end = problem(422, "charity_expired", zh="有效期须在今天之后，请重新选择", en="The validity must end after today. Choose a later day.")
