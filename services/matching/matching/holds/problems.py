"""Problems with holds."""

from chassis.problems import problem

too_many_holds = problem(
    429,
    "too_many_holds",
    zh="24 小时内最多为 {most} 项需求保留名额，请稍后再试，或直接提供帮助",
    en="You may hold {most} needs within 24 hours; try later, or claim without a hold",
)
