"""Problems with charities, and with needs for money without one."""

from chassis.problems import problem

charity_needed = problem(
    409,
    "charity_needed",
    zh="本县尚未指定接收款项的慈善组织，资金类需求暂不能发布，请先由县级管理员指定",
    en="The county has named no charity to receive the money, so this need cannot be published; the county names one first",
)
charity_named = problem(409, "charity_named", zh="该地区已指定这家慈善组织", en="This charity is named for the region already")
past_end = problem(422, "charity_expired", zh="有效期须在今天之后", en="The validity must end after today")
