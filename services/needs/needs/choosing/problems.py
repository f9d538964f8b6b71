"""Problems with a pledge's choice, its best-before date, and what came back."""

from chassis.problems import problem

choose_until_wrong = problem(
    422, "choose_until_wrong", zh="自己挑选需求的时间须在今后 72 小时之内", en="The time to choose must end within the next 72 hours"
)
best_before_too_near = problem(
    422,
    "best_before_too_near",
    zh="保质期已过或太近：从对接到送达至少需要 {days} 天",
    en="The best-before date is over or too near: it takes {days} days at least to send and hand over",
)
best_before_needed = problem(
    422,
    "best_before_needed",
    zh="“{zh}”有保质期，请填写最早到期的日期（best_before）",
    en="“{en}” keeps for a limited time: state the earliest best-before date (best_before)",
)
unknown_need = problem(422, "unknown_need", zh="没有这项需求，或已结束", en="There is no such need, or it has ended")
does_not_fit = problem(422, "does_not_fit", zh="您的意向与这项需求不相符", en="Your pledge does not fit this need")
nothing_came_back = problem(
    409, "nothing_came_back", zh="这次帮助没有退回的物品可再次捐出", en="Nothing of this match came back that could be offered again"
)
