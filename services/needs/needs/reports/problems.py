"""Problems with reports."""

from chassis.problems import problem

already_reported = problem(409, "already_reported", zh="您已举报过这项需求", en="You have reported this need already")
too_many_reports = problem(
    429, "too_many_reports", zh="24 小时内最多举报 {most} 项需求，请稍后再试", en="You may report {most} needs within 24 hours, try later"
)
