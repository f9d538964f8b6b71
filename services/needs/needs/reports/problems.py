"""Problems with reports."""

from chassis.problems import problem

already_reported = problem(
    409,
    "already_reported",
    zh="您已举报过这项需求，不必重复举报",
    en="You have already reported this need. You do not need to do anything.",
)
too_many_reports = problem(
    429,
    "too_many_reports",
    zh="24 小时内最多举报 {most} 项需求，请稍后再试",
    en="You can report at most {most} needs in 24 hours. Try later.",
)
