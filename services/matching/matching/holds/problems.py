"""Problems with holds."""

from chassis.problems import problem

too_many_holds = problem(
    429,
    "too_many_holds",
    zh="24 小时内最多保留 {most} 项需求，请稍后再试，或直接认领",
    en="You can hold at most {most} needs in 24 hours. Try later, or claim without a hold.",
)
