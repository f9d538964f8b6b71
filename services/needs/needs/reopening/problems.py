"""Problems of renewing a need that has expired."""

from chassis.problems import problem

household_left = problem(
    409,
    "household_left",
    zh="这户人家已不在册，需求不能续期，请联系所在村的管理员",
    en="The household has left the register. Contact the administrator of its village.",
)
posted_again = problem(
    409,
    "posted_again",
    zh="到期之后，这户人家已重新发布同一物品的需求，请查看那项需求",
    en="The household has posted a need for the same item since this one expired. See that need.",
)
review_needed = problem(
    409, "review_needed", zh="这项需求须重新审核，不能续期，请重新发布", en="This need has to be verified again. Post it again."
)
